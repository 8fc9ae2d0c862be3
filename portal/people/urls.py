"""URLs of people; `portal.http.endpoints` has the required permissions."""

from django.urls import path

from portal.people import accept_views, profile_views, staff_views, views

urlpatterns = [
    path("people/invite", views.invite_member, name="people-invite"),
    path(
        "people/invitations/<int:invitation_id>/again",
        views.send_again,
        name="people-invite-again",
    ),
    path(
        "people/invitations/<int:invitation_id>/withdraw",
        views.withdraw,
        name="people-invite-withdraw",
    ),
    path("people/members/<int:user_id>", views.member_page, name="people-member"),
    path("people/members/<int:user_id>/role", views.change_role, name="people-role"),
    path(
        "people/members/<int:user_id>/remove",
        views.remove_member,
        name="people-remove",
    ),
    path(
        "people/members/<int:user_id>/reset-factors",
        views.reset_factors,
        name="people-reset-factors",
    ),
    path("people/leave", views.leave, name="people-leave"),
    path("people/second-factor", views.require_factor, name="people-require-factor"),
    path(
        "invitations/<str:secret>",
        accept_views.invitation_page,
        name="invitation",
    ),
    path(
        "invitations/<str:secret>/accept",
        accept_views.accept_invitation,
        name="invitation-accept",
    ),
    path("profile", profile_views.profile, name="profile"),
    path("profile/address", profile_views.change_address, name="profile-address"),
    path(
        "new-address/<str:secret>",
        profile_views.confirm_address,
        name="confirm-address",
    ),
    path("staff/people", staff_views.people, name="staff-people"),
    path("staff/people/invite", staff_views.invite_staff, name="staff-invite-staff"),
    path(
        "staff/people/invitations/<int:invitation_id>/again",
        staff_views.send_again,
        name="staff-invite-staff-again",
    ),
    path(
        "staff/people/invitations/<int:invitation_id>/withdraw",
        staff_views.withdraw,
        name="staff-invite-staff-withdraw",
    ),
    path("staff/people/<int:user_id>", staff_views.person_page, name="staff-person"),
    path("staff/people/<int:user_id>/role", staff_views.change_role, name="staff-role"),
    path(
        "staff/people/<int:user_id>/reset-factors",
        staff_views.reset_factors,
        name="staff-reset-factors",
    ),
    path(
        "staff/people/<int:user_id>/close",
        staff_views.close_account,
        name="staff-close-account",
    ),
]
