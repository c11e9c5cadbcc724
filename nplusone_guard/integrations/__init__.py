"""Thin bridges to other frameworks: each opens a scope and hands on a report."""
