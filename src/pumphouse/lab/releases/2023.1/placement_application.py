"""placement 9 for uwsgi."""

# Runs in the environment of the release, whose packages mypy does not see.
# mypy: ignore-errors
import jsonschema.validators

# jsonschema 4.17 loads its vocabularies lazily and not thread-safely (500 on the first requests): load them now.
jsonschema.validators._store_schema_list()

from placement.wsgi import init_application  # noqa: E402

application = init_application()
