"""URLs of files and servers; see `portal.http.endpoints` for access."""

from django.urls import path

from usage.automation import token_views
from usage.automation import views as automation_views
from usage.connectivity import views as access_views
from usage.disk_space import views as disk_space_views
from usage.files import views as file_views
from usage.receipts import views as receipt_views
from usage.sender import views as sender_views
from usage.servers import key_views
from usage.servers import views as server_views
from usage.upload_runs import views as upload_views

urlpatterns = [
    path("files", file_views.files, name="files-page"),
    path("files/list.csv", receipt_views.files_csv, name="files-csv"),
    path("files/receipt", receipt_views.receipt, name="receipt"),
    path("files/<uuid:file_id>", file_views.file, name="file-page"),
    path(
        "files/<uuid:file_id>/receipt", receipt_views.file_receipt, name="file-receipt"
    ),
    path("uploads", upload_views.uploads, name="uploads-page"),
    path("uploads/<uuid:key>", upload_views.upload, name="upload-run-page"),
    path("uploads/<uuid:key>/receipt", upload_views.receipt, name="upload-run-receipt"),
    path("uploads/<uuid:key>/mail", upload_views.mail_receipt, name="upload-run-mail"),
    path("uploads/<uuid:key>/dismiss", upload_views.dismiss, name="upload-run-dismiss"),
    path("safe-to-delete", file_views.safe_to_delete, name="safe-to-delete"),
    path("safe-to-delete/list.csv", receipt_views.safe_csv, name="safe-csv"),
    path("safe-to-delete/SHA256SUMS", receipt_views.safe_sums, name="safe-sums"),
    path("access", access_views.access_page, name="access-page"),
    path("access/usage-sender.pyz", sender_views.sender_download, name="sender-file"),
    path("access/usage-sender.ps1", sender_views.script_download, name="sender-script"),
    path("disk-space", disk_space_views.disk_space_page, name="disk-space-page"),
    path("disk-space/days.csv", disk_space_views.disk_space_csv, name="disk-space-csv"),
    path("automation", automation_views.automation_page, name="automation-page"),
    path("automation/runs", automation_views.machine_page, name="automation-runs"),
    path("automation/tokens/new", token_views.new_token, name="token-new"),
    path("automation/tokens/<int:token_id>", token_views.show_token, name="token-page"),
    path(
        "automation/tokens/<int:token_id>/replace",
        token_views.replace_token,
        name="token-replace",
    ),
    path(
        "automation/tokens/<int:token_id>/revoke",
        token_views.revoke_token,
        name="token-revoke",
    ),
    path("servers", server_views.servers_page, name="servers-page"),
    path("servers/confirm-key", server_views.confirm_key, name="servers-confirm-key"),
    path("servers/keys/<int:key_id>", key_views.key_page, name="servers-key"),
    path(
        "servers/keys/<int:key_id>/refuse",
        key_views.refuse_key,
        name="servers-refuse-key",
    ),
    path(
        "servers/keys/<int:key_id>/revoke",
        key_views.revoke_key,
        name="servers-revoke-key",
    ),
    path("servers/change", server_views.change, name="servers-change"),
    path("servers/withdraw", server_views.withdraw, name="servers-withdraw"),
    path("servers/register", server_views.register, name="servers-register"),
]
