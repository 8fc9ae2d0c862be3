"""Names in the API document that generated clients carry: they never change."""

import pytest

from portal.api import api

pytestmark = pytest.mark.plain

SCHEMAS = {
    *("CheckIn", "CheckOut", "DayOut", "FileAnswer", "FileOut", "FileProblem"),
    *("FileQuestion", "FileState", "FilesOut", "FilesQuery", "How", "KeyOut"),
    *("MissingFilesOut", "MissingOut", "PeriodLine", "PeriodOut", "PeriodsOut"),
    *("ProblemOut", "RowOut", "ServerOut", "ServersOut", "StandingsIn"),
    *("StandingsOut", "State", "TenantStandingOut", "Verdict", "VerdictOut"),
}

OPERATIONS = {
    *("billing_api_list_periods", "billing_api_show_period"),
    "billing_staff_standings_api_list_standings",
    *("usage_api_check_files", "usage_api_confirm_key", "usage_api_list_files"),
    *("usage_api_list_servers", "usage_api_show_file", "usage_api_upload"),
}


def test_schemas_and_operations_keep_their_names() -> None:
    document = api.get_openapi_schema()
    operations = {
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
    }
    assert set(document["components"]["schemas"]) >= SCHEMAS
    assert operations >= OPERATIONS


def test_the_document_is_made_once_however_often_anybody_asks_for_it() -> None:
    assert api.get_openapi_schema() is api.get_openapi_schema()
