"""Search among retailers: what row-level security keeps from an index, done by a function that owns the tables."""

from alembic import op

revision = "0005_retailer_search"
down_revision = "0004_identity"
branch_labels = None
depends_on = None

# LIKE, ^@ and @> are not leakproof: under a policy PostgreSQL tries them on every row of the organisation.
# The organisation comes from the transaction's setting and from nowhere else.
#
# A page is looked for in two steps. First the list itself is walked from where the page begins: a text that many
# names contain fills a page within a few hundred rows. What is missing after `walked` rows is rare from there on, and
# the indexes on trigrams, phone tails, uids and routes find all of it at once.
#
# EXECUTE plans with the values at hand, so that conditions whose value is NULL cost nothing and the others use indexes.
SEARCH = r"""
CREATE FUNCTION haat_search_retailers(
    q text, on_route text, in_territories uuid[], of_distributor uuid, of_sr uuid, is_assigned boolean,
    is_active boolean, after_name text, after_id uuid, wanted integer
) RETURNS TABLE (id uuid, name text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    tenant constant uuid := nullif(current_setting('haat.tenant_id', true), '')::uuid;
    typed constant text := nullif(normalize(btrim(q), NFC), '');
    part constant text := '%' || regexp_replace(lower(typed), '([\\%_])', '\\\1', 'g') || '%';
    digits constant text := translate(
        regexp_replace(typed, '[-+ ().]', '', 'g'), '০১২৩৪৫৬৭৮৯०१२३४५६७८९٠١٢٣٤٥٦٧٨٩', repeat('0123456789', 3));
    phone_end constant text := CASE WHEN digits ~ '^[0-9]{3,}$' THEN reverse(digits) END;
    from_name text := coalesce(after_name, '');
    from_id uuid := coalesce(after_id, '00000000-0000-0000-0000-000000000000');
    -- A territory, distributor or SR has few enough to look at all of them.
    narrow constant boolean := in_territories IS NOT NULL OR of_distributor IS NOT NULL OR of_sr IS NOT NULL;
    walked constant integer := 20000;
    found integer := 0;
    there constant text := 'r.tenant_id = $1 AND r.deleted_at IS NULL AND (r.name, r.id) > ($2, $3)';
    alike constant text := $alike$
        ($4::text IS NULL OR r.name_key LIKE $4 OR r.phone_tail ^@ $5
            OR r.uid ^@ $6 OR r.uid ^@ upper($6) OR r.uid ^@ lower($6))
        AND ($7::text IS NULL OR r.routes @> ARRAY[$7])
        AND ($8::uuid[] IS NULL OR r.territory_id = ANY ($8))
        AND ($9::uuid IS NULL OR r.distributor_id = $9)
        AND ($10::uuid IS NULL OR r.id = ANY (ARRAY(
            SELECT a.retailer_id FROM public.assignments a
            WHERE a.tenant_id = $1 AND a.sr_id = $10 AND a.ended_at IS NULL)))
        AND ($11::boolean IS NULL OR $11 = EXISTS (
            SELECT FROM public.assignments a
            WHERE a.tenant_id = $1 AND a.retailer_id = r.id AND a.ended_at IS NULL))
        AND ($12::boolean IS NULL OR r.active = $12)
        $alike$;
    -- Two indexes read side by side: 7 times faster than asking for each of 300,000 retailers whether somebody has it.
    unheld constant text := CASE WHEN NOT is_assigned AND NOT narrow THEN $unheld$
        AND r.id = ANY (ARRAY(
            SELECT o.id FROM public.retailers o WHERE o.tenant_id = $1
            EXCEPT SELECT a.retailer_id FROM public.assignments a WHERE a.tenant_id = $1 AND a.ended_at IS NULL))
        $unheld$ ELSE '' END;
    walk constant text := 'SELECT r.id, r.name FROM (SELECT * FROM public.retailers r WHERE ' || there
        || ' ORDER BY r.name, r.id LIMIT $14) r WHERE ' || alike || ' ORDER BY r.name, r.id LIMIT $13';
    -- Materialised: a plan for all matches, not one that hopes to meet the first of them soon.
    look_up constant text := 'WITH r AS MATERIALIZED (SELECT r.id, r.name FROM public.retailers r WHERE ' || there
        || ' AND ' || alike || unheld || ') SELECT r.id, r.name FROM r ORDER BY r.name, r.id LIMIT $13';
BEGIN
    IF NOT narrow THEN
        RETURN QUERY EXECUTE walk USING tenant, from_name, from_id, part, phone_end, typed, on_route, in_territories,
            of_distributor, of_sr, is_assigned, is_active, wanted, walked;
        GET DIAGNOSTICS found = ROW_COUNT;
        IF found >= wanted THEN
            RETURN;
        END IF;
        SELECT r.name, r.id INTO from_name, from_id FROM public.retailers r
        WHERE r.tenant_id = tenant AND r.deleted_at IS NULL AND (r.name, r.id) > (from_name, from_id)
        ORDER BY r.name, r.id OFFSET walked - 1 LIMIT 1;
        IF from_id IS NULL THEN
            RETURN;
        END IF;
    END IF;
    RETURN QUERY EXECUTE look_up USING tenant, from_name, from_id, part, phone_end, typed, on_route, in_territories,
        of_distributor, of_sr, CASE WHEN unheld = '' THEN is_assigned END, is_active, wanted - found;
END $$
"""
SIGNATURE = "haat_search_retailers(text, text, uuid[], uuid, uuid, boolean, boolean, text, uuid, integer)"


def upgrade() -> None:
    """The function, for admins, and for workers who assign what an admin has searched."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(SEARCH)
    op.execute(f"REVOKE ALL ON FUNCTION {SIGNATURE} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {SIGNATURE} TO haat_admin, haat_worker")


def downgrade() -> None:
    """No search."""
    op.execute(f"DROP FUNCTION {SIGNATURE}")
