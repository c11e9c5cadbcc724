from apps.attendance.models.tracking import Tracking

__all__ = ["Tracking"]
