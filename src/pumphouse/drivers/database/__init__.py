"""The stores on SQLAlchemy: SQLite, PostgreSQL, MariaDB."""
