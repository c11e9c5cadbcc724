"""A tiny web application for the tests of the middleware."""

GUARD = "nplusone_guard.middleware.GuardMiddleware"
