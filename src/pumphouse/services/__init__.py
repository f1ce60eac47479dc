"""Use cases: authorise, plan, start, query; the one door for api and command line."""
