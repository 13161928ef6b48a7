"""Identity: the two reads that cross organisations, and what people may change of their own."""

from alembic import op

revision = "0004_identity"
down_revision = "0003_rights"
branch_labels = None
depends_on = None

TENANT = "tenant_id = (SELECT nullif(current_setting('haat.tenant_id', true), '')::uuid)"
ME = "(SELECT nullif(current_setting('haat.user_id', true), '')::uuid)"

# More organisations than anybody works for; bounds what one login attempt can cost.
FIND_LOGINS = """
CREATE FUNCTION haat_find_logins(wanted_login text, organisation_code text)
RETURNS TABLE (tenant_id uuid, user_id uuid, login text, name text, role text, password_hash text, auth_version bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT u.tenant_id, u.id, u.login, u.name, u.role, u.password_hash, u.auth_version
    FROM users u JOIN organisations o ON o.tenant_id = u.tenant_id
    WHERE u.login = wanted_login AND u.deleted_at IS NULL AND u.active
      AND (organisation_code IS NULL OR o.code = organisation_code)
    ORDER BY u.tenant_id LIMIT 16
$$
"""

# Good: not over, and its user is still who they were when it began.
SESSION_VERDICTS = """
CREATE FUNCTION haat_session_verdicts(tenant_ids uuid[], session_ids uuid[])
RETURNS TABLE (session_id uuid, user_id uuid, role text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT s.id, s.user_id, s.role
    FROM unnest(tenant_ids, session_ids) AS asked (tenant_id, id)
    JOIN sessions s ON s.tenant_id = asked.tenant_id AND s.id = asked.id
    JOIN users u ON u.tenant_id = s.tenant_id AND u.id = s.user_id
    WHERE s.ended_at IS NULL AND s.expires_at > statement_timestamp()
      AND u.active AND u.deleted_at IS NULL AND u.role = s.role AND u.auth_version = s.auth_version
$$
"""

FUNCTIONS = {
    "haat_find_logins(text, text)": FIND_LOGINS,
    "haat_session_verdicts(uuid[], uuid[])": SESSION_VERDICTS,
}


def upgrade() -> None:
    """Only the relay's role crosses organisations; an SR changes their own password and sessions, nobody else's."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for signature, definition in FUNCTIONS.items():
        op.execute(definition)
        op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO haat_relay")
    op.execute("GRANT UPDATE (password_hash, auth_version, version, updated_at) ON users TO haat_sr")
    op.execute(f"CREATE POLICY haat_sr_update ON users FOR UPDATE TO haat_sr USING ({TENANT} AND id = {ME})")
    own = f"{TENANT} AND user_id = {ME}"
    op.execute("GRANT INSERT ON sessions TO haat_sr")
    op.execute("GRANT UPDATE (generation, rotated_at, ended_at, ended_reason) ON sessions TO haat_sr")
    op.execute(f"CREATE POLICY haat_sr_insert ON sessions FOR INSERT TO haat_sr WITH CHECK ({own})")
    op.execute(f"CREATE POLICY haat_sr_update ON sessions FOR UPDATE TO haat_sr USING ({own})")


def downgrade() -> None:
    """Take back the functions and the rights."""
    for signature in FUNCTIONS:
        op.execute(f"DROP FUNCTION {signature}")
    for policy, table in (
        ("haat_sr_update", "users"),
        ("haat_sr_insert", "sessions"),
        ("haat_sr_update", "sessions"),
    ):
        op.execute(f"DROP POLICY {policy} ON {table}")
    op.execute("REVOKE UPDATE (password_hash, auth_version, version, updated_at) ON users FROM haat_sr")
    op.execute("REVOKE INSERT ON sessions FROM haat_sr")
    op.execute("REVOKE UPDATE (generation, rotated_at, ended_at, ended_reason) ON sessions FROM haat_sr")
