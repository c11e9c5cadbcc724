from apps.journal.models.entry import JournalEntry

__all__ = ["JournalEntry"]
