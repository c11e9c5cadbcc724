"""Middleware of the project's own, as most projects have some: it passes requests on."""

from __future__ import annotations


def passing(get_response):
    def answer(request):
        return get_response(request)

    return answer


class Passing:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        response["X-Passed"] = "1"
        return response
