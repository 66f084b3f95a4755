"""The forms of the team: who is invited, with which role, and the rules for signing in."""

from wtforms import EmailField, Field, SelectField, SelectMultipleField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, ValidationError

from webhooks_ui.forms import Form
from webhooks_ui.forms.account import name_field
from webhooks_ui.models import Role
from webhooks_ui.models.visible import words
from webhooks_ui.people.accounts import is_email, normal_email

WRONG_EMAIL = "This is not an email address. Write it like name@example.com."
WHAT_ROLES_MAY = {
    Role.SUPER_ADMIN: "Everything, also settings and the team",
    Role.ADMIN: "Webhooks, deliveries, secrets, API keys and the audit log",
    Role.OPERATOR: "See the list of webhooks, and switch them on and off",
    Role.VIEWER: "Nothing but their own account",
}
_ROLES = [SelectChoice(role, words(role)) for role in Role]


class EmailForm(Form):
    email = EmailField(
        "Email address",
        [InputRequired("Enter an email address.")],
        filters=[lambda value: normal_email(value or "")],
    )

    def validate_email(self, field: Field) -> None:
        if not is_email(field.data):
            raise ValidationError(WRONG_EMAIL)


class RoleForm(Form):
    what_roles_may = WHAT_ROLES_MAY
    role = SelectField("Role", choices=_ROLES, validate_choice=False, default=Role.ADMIN)

    def validate_role(self, field: Field) -> None:
        if field.data not in tuple(Role):
            raise ValidationError(f"The role must be one of {', '.join(Role)}.")


class InviteForm(EmailForm, RoleForm):
    name = name_field()


class RulesForm(Form):
    """Which roles need a second factor."""

    roles = SelectMultipleField("Second factor", choices=_ROLES, validate_choice=False)

    def validate_roles(self, field: Field) -> None:
        if unknown := [role for role in field.data or () if role not in tuple(Role)]:
            raise ValidationError(f"There is no role {unknown[0][:32]!r}. Choose from the list.")

    @property
    def values(self) -> list[str]:
        """Return the chosen roles, highest first."""
        return [role for role in Role if role in (self.roles.data or ())]
