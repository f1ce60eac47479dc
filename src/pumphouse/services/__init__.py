"""Use cases: look, plan, start, query. The one door to clouds, stores and the engine for every surface (REST today, others later)."""
