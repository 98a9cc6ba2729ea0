"""Mutation of policies: would the tests notice if a rule were another?"""
