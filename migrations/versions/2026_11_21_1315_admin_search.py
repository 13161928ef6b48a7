"""Search from two characters up, page by page in the order of names; who is unassigned is kept, not computed."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0014_admin_search"
down_revision = "0013_planned_assignments"
branch_labels = None
depends_on = None

# Names sort by code point. Each range of first characters has a letter, which stands around every character of the
# folded name: `ab` becomes `KaKbK` in a name that begins with a letter of the range K. A trigram index over that finds
# two characters as well as twenty, and finds them range by range: the first ranges fill a page that needs no others.
# Capitals, since folded names have none.
LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTU"
BEGINNINGS: Final = "65,67,69,74,77,78,80,83,84,97,2432,2455,2468,2472,2474,2478,2479,2486,2489,2560"
RANGE: Final = f"1 + width_bucket(ascii({{}}), '{{{{{BEGINNINGS}}}}}'::integer[])"
# normalize() takes longer than all the rest, and ASCII needs none.
FOLDED: Final = "CASE WHEN octet_length(name) = length(name) THEN lower(name) ELSE lower(normalize(name, NFC)) END"
NAME_PAIRS: Final = f"regexp_replace({FOLDED}, '', substr('{LETTERS}', {RANGE.format('name')}, 1), 'g')"

# LIKE, ^@ and @> are not leakproof: under a policy PostgreSQL tries them on every row of the organisation.
# The organisation comes from the transaction's setting and from nowhere else.
#
# First the list itself is walked from where the page begins: what many names contain fills a page within a few hundred
# rows. What is missing after `walked` rows is looked up: uids and phone numbers at once, names range by range.
#
# The first `in_order` rows are the first of the list; what comes on top, up to `wanted`, is there to be counted. Rows
# come in any order, and some of them twice.
#
# EXECUTE plans with the values at hand, so that conditions whose value is NULL cost nothing and the others use indexes.
SEARCH: Final = rf"""
CREATE FUNCTION haat_search_retailers(
    q text, on_route text, in_territories uuid[], of_distributor uuid, of_sr uuid, is_assigned boolean,
    is_active boolean, after_name text, after_id uuid, wanted integer, in_order integer
) RETURNS TABLE (id uuid, name text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_indexscan = on AS $$
#variable_conflict use_column
DECLARE
    tenant constant uuid := nullif(current_setting('haat.tenant_id', true), '')::uuid;
    typed constant text := nullif(normalize(btrim(q), NFC), '');
    folded constant text := lower(typed);
    -- Signs and spaces are in no trigram.
    wordless constant boolean := folded !~ '[[:alnum:]]';
    -- Its characters with room for a range's letter between them, or around a single one.
    spread constant text := regexp_replace(
        CASE WHEN length(folded) = 1 THEN E'\x01' || folded || E'\x01'
        ELSE substr(regexp_replace(folded, '', E'\x01', 'g'), 2, 2 * length(folded) - 1) END,
        '([\\%_])', '\\\1', 'g');
    part constant text := '%' || replace(spread, E'\x01', '_') || '%';
    digits constant text := translate(
        regexp_replace(typed, '[-+ ().]', '', 'g'), '০১২৩৪৫৬৭৮৯०१२३४५६७८९٠١٢٣٤٥٦٧٨٩', repeat('0123456789', 3));
    phone_end constant text := CASE WHEN digits ~ '^[0-9]{{3,}}$' THEN reverse(digits) END;
    from_name text := coalesce(after_name, '');
    nobody constant uuid := '00000000-0000-0000-0000-000000000000';
    from_id uuid := coalesce(after_id, nobody);
    -- A few territories, a distributor or an SR have few enough to look at all of them.
    narrow constant boolean := coalesce(cardinality(in_territories) <= 50, false)
        OR of_distributor IS NOT NULL OR of_sr IS NOT NULL;
    few constant integer := 2000;
    few_unassigned constant boolean := is_assigned IS FALSE AND few >= (
        SELECT count(*) FROM (SELECT FROM public.unassigned_retailers u WHERE u.tenant_id = tenant LIMIT few + 1) u);
    unassigned constant boolean := is_assigned IS FALSE AND (few_unassigned OR NOT narrow);
    -- Where names do not sort by code point, ranges have no order.
    ranged constant boolean := folded IS NOT NULL AND NOT (narrow OR unassigned OR wordless)
        AND wanted IS NOT NULL AND 'a' > 'Z' AND 'ক' > 'é';
    walked constant integer := 1500;
    walked_in_range constant integer := 5000;
    counted_along constant integer := 15000;
    missing integer := wanted;
    exact integer := coalesce(in_order, wanted);
    counted integer := 0;
    found integer;
    met integer := 0;
    look_up text;
    there constant text := 'r.tenant_id = $1 AND r.deleted_at IS NULL AND (r.name, r.id) > ($2, $3)';
    by_number constant text := '(r.phone_tail ^@ $5 OR r.uid ^@ $6 OR r.uid ^@ upper($6) OR r.uid ^@ lower($6))';
    filters constant text := $filters$
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
        $filters$;
    alike constant text := '($4::text IS NULL OR r.name_pairs LIKE $4 OR ' || by_number || ')' || filters;
    retailers constant text := 'SELECT r.id, r.name FROM public.retailers r WHERE ' || there || ' AND ';
    ordered constant text := ' ORDER BY r.name, r.id LIMIT $13';
    walk constant text := 'SELECT r.id, r.name FROM (SELECT * FROM public.retailers r WHERE ' || there
        || ' ORDER BY r.name, r.id LIMIT $14) r WHERE ' || alike || ordered;
    -- Materialised: a plan for all matches, not one that hopes to meet the first of them soon.
    sorted constant text := 'WITH r AS MATERIALIZED (%s) SELECT r.id, r.name FROM r' || ordered;
    patterns constant text[] := ARRAY(
        SELECT '%' || replace(spread, E'\x01', letter) || '%' FROM regexp_split_to_table('{LETTERS}', '') letter);
    beginnings constant integer[] := ARRAY[{BEGINNINGS}];
    pattern text := part;
BEGIN
    IF NOT (narrow OR few_unassigned) AND wanted IS NOT NULL THEN
        RETURN QUERY EXECUTE walk USING tenant, from_name, from_id, part, phone_end, typed, on_route, in_territories,
            of_distributor, of_sr, is_assigned, is_active, wanted, walked;
        GET DIAGNOSTICS found = ROW_COUNT;
        missing := wanted - found;
        exact := exact - found;
        IF missing <= 0 THEN
            RETURN;
        END IF;
        IF exact <= 0 AND found * counted_along > 1.2 * missing * walked THEN
            -- Only the count is missing, and so many of the list are meant that others are met soon wherever one looks:
            -- in the order of ids, which is nearly that of the table's pages.
            RETURN QUERY EXECUTE 'SELECT r.id, r.name FROM (SELECT * FROM public.retailers r WHERE r.tenant_id = $1'
                || ' ORDER BY r.id LIMIT $14) r WHERE ' || there || ' AND ' || alike || ' LIMIT $13'
                USING tenant, from_name, from_id, part, phone_end, typed, on_route, in_territories, of_distributor,
                    of_sr, is_assigned, is_active, wanted, counted_along;
            GET DIAGNOSTICS met = ROW_COUNT;
            IF met >= wanted THEN
                RETURN;
            END IF;
            met := 0;
        END IF;
        SELECT r.name, r.id INTO from_name, from_id FROM public.retailers r
        WHERE r.tenant_id = tenant AND r.deleted_at IS NULL AND (r.name, r.id) > (from_name, from_id)
        ORDER BY r.name, r.id OFFSET walked - 1 LIMIT 1;
        IF from_id IS NULL THEN
            RETURN;
        END IF;
    END IF;
    IF NOT (ranged OR unassigned OR folded IS NULL) OR narrow AND NOT unassigned THEN
        look_up := CASE
            WHEN narrow OR wordless AND wanted IS NULL THEN format(sorted, retailers || alike)
            -- Of signs the name has nothing to fold: the index of names has all that is asked.
            -- Digits of other scripts may be no words either, and yet end a phone number.
            WHEN wordless THEN retailers || CASE WHEN phone_end IS NULL THEN '(r.name LIKE $4 OR r.uid ^@ $6)'
                ELSE '(r.name LIKE $4 OR r.uid ^@ $6 OR r.phone_tail ^@ $5)' END || filters || ordered
            ELSE format(sorted, retailers || '(r.name_pairs LIKE ANY ($15) OR ' || by_number || ')' || filters) END;
        RETURN QUERY EXECUTE look_up
            USING tenant, from_name, from_id, CASE WHEN wordless AND NOT narrow AND wanted IS NOT NULL
                THEN '%' || replace(spread, E'\x01', '') || '%' ELSE part END,
                phone_end, typed, on_route, in_territories, of_distributor, of_sr, is_assigned, is_active, missing,
                walked, patterns;
        RETURN;
    END IF;
    FOR range IN 0 .. CASE WHEN ranged THEN {len(LETTERS)} ELSE 0 END LOOP
        EXIT WHEN range > 0 AND exact <= 0 AND counted >= missing;
        CONTINUE WHEN range > 0 AND from_name >= chr(beginnings[range]);
        IF range > 0 THEN
            pattern := patterns[range];
        END IF;
        look_up := CASE
            WHEN range > 0 THEN retailers || 'r.name_pairs LIKE $4'
            WHEN ranged THEN retailers || by_number || ' AND r.name_pairs NOT LIKE $4'
            WHEN NOT unassigned THEN retailers || alike
            ELSE 'SELECT r.id, r.name FROM public.unassigned_retailers u JOIN public.retailers r'
                || ' ON r.tenant_id = u.tenant_id AND r.id = u.retailer_id WHERE u.tenant_id = $1 AND ' || there
                || ' AND ' || alike END || CASE WHEN ranged THEN filters ELSE '' END;
        -- With index scans, a LIMIT would make it walk in the hope of meeting matches soon.
        PERFORM set_config('enable_indexscan', CASE WHEN unassigned THEN 'on' ELSE 'off' END, true);
        RETURN QUERY EXECUTE look_up || ' LIMIT $13'
            USING tenant, from_name, from_id, pattern, phone_end, typed, on_route, in_territories, of_distributor,
                of_sr, CASE WHEN NOT unassigned THEN is_assigned END, is_active, missing;
        GET DIAGNOSTICS found = ROW_COUNT;
        counted := counted + found;
        IF found >= missing AND exact > 0 AND range > 0 THEN
            -- Not all of them, and the first must be among them: where so many are, a walk meets them soon.
            PERFORM set_config('enable_indexscan', 'on', true);
            RETURN QUERY EXECUTE walk
                USING tenant, greatest(from_name, chr(beginnings[range - 1])),
                    CASE WHEN from_name < chr(beginnings[range - 1]) THEN nobody ELSE from_id END, part, phone_end,
                    typed, on_route, in_territories, of_distributor, of_sr, is_assigned, is_active, exact,
                    walked_in_range;
            GET DIAGNOSTICS met = ROW_COUNT;
        END IF;
        IF found >= missing AND exact > met THEN
            RETURN QUERY EXECUTE format(sorted, look_up)
                USING tenant, from_name, from_id, pattern, phone_end, typed, on_route, in_territories, of_distributor,
                    of_sr, CASE WHEN NOT unassigned THEN is_assigned END, is_active, exact;
        END IF;
        IF range > 0 THEN
            exact := exact - found;
        END IF;
    END LOOP;
END $$
"""
ARGUMENTS: Final = "text, text, uuid[], uuid, uuid, boolean, boolean, text, uuid, integer"
SIGNATURE: Final = f"haat_search_retailers({ARGUMENTS}, integer)"

# Row by row through indexes, whatever the planner knows of tables that a job is filling at the moment.
BY_INDEX: Final = """LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_nestloop = on SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off"""
FREED: Final = """
        INSERT INTO public.unassigned_retailers
        SELECT DISTINCT n.tenant_id, n.retailer_id FROM {changed} n
        JOIN public.retailers r ON r.tenant_id = n.tenant_id AND r.id = n.retailer_id AND r.deleted_at IS NULL
        WHERE {ended} AND NOT EXISTS (
            SELECT FROM public.assignments a
            WHERE a.tenant_id = n.tenant_id AND a.retailer_id = n.retailer_id AND a.ended_at IS NULL)
        ON CONFLICT DO NOTHING"""
TAKEN: Final = """
        DELETE FROM public.unassigned_retailers u USING changed n
        WHERE u.tenant_id = n.tenant_id AND u.retailer_id = n.retailer_id AND n.ended_at IS NULL"""
TRIGGERS: Final = {
    ("retailers", "created", "INSERT", "NEW"): """
        INSERT INTO public.unassigned_retailers
        SELECT n.tenant_id, n.id FROM changed n WHERE n.deleted_at IS NULL ON CONFLICT DO NOTHING""",
    ("retailers", "removed", "DELETE", "OLD"): """
        DELETE FROM public.unassigned_retailers u USING changed n
        WHERE u.tenant_id = n.tenant_id AND u.retailer_id = n.id""",
    ("assignments", "opened", "INSERT", "NEW"): TAKEN,
    ("assignments", "closed", "UPDATE", "NEW"): FREED.format(changed="changed", ended="n.ended_at IS NOT NULL")
    + ";"
    + TAKEN,
    ("assignments", "removed", "DELETE", "OLD"): FREED.format(changed="changed", ended="n.ended_at IS NULL"),
}
# A row at a time: a retailer is rarely deleted or brought back, and a statement's rows are kept for all updates alike.
DELETED: Final = f"""
CREATE FUNCTION haat_retailer_deleted() RETURNS trigger {BY_INDEX} AS $$ BEGIN
    IF NEW.deleted_at IS NOT NULL THEN
        DELETE FROM public.unassigned_retailers u WHERE u.tenant_id = NEW.tenant_id AND u.retailer_id = NEW.id;
    ELSIF NOT EXISTS (SELECT FROM public.assignments a
        WHERE a.tenant_id = NEW.tenant_id AND a.retailer_id = NEW.id AND a.ended_at IS NULL) THEN
        INSERT INTO public.unassigned_retailers VALUES (NEW.tenant_id, NEW.id) ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END $$
"""
TENANT: Final = "tenant_id = (SELECT nullif(current_setting('haat.tenant_id', true), '')::uuid)"


def upgrade() -> None:
    """The column replaces `name_key`; the table begins with who is unassigned now."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("SET LOCAL statement_timeout = '15min'")
    # Without the column it finds nothing any more; it stays for the way back.
    op.execute(f"REVOKE EXECUTE ON FUNCTION haat_search_retailers({ARGUMENTS}) FROM haat_admin, haat_worker")
    op.execute(
        "ALTER TABLE retailers DROP COLUMN name_key,"
        f" ADD COLUMN name_pairs text GENERATED ALWAYS AS ({NAME_PAIRS}) STORED"
    )
    op.execute("CREATE INDEX ix_retailers_name_pairs ON retailers USING gin (name_pairs gin_trgm_ops)")
    _keep_unassigned()
    op.execute(SEARCH)
    op.execute(f"REVOKE ALL ON FUNCTION {SIGNATURE} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {SIGNATURE} TO haat_admin, haat_worker")


def _keep_unassigned() -> None:
    op.create_table(
        "unassigned_retailers",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("retailer_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "retailer_id", name="pk_unassigned_retailers"),
    )
    op.execute("ALTER TABLE unassigned_retailers ENABLE ROW LEVEL SECURITY")
    # Written by the triggers alone.
    for role in ("haat_admin", "haat_worker"):
        op.execute(f"GRANT SELECT ON unassigned_retailers TO {role}")
        op.execute(f"CREATE POLICY {role} ON unassigned_retailers FOR SELECT TO {role} USING ({TENANT})")
    op.execute(
        "INSERT INTO unassigned_retailers SELECT r.tenant_id, r.id FROM retailers r WHERE r.deleted_at IS NULL"
        " AND NOT EXISTS (SELECT FROM assignments a"
        " WHERE a.tenant_id = r.tenant_id AND a.retailer_id = r.id AND a.ended_at IS NULL)"
    )
    for (table, name, event, rows), statements in TRIGGERS.items():
        function = f"haat_{table}_{name}()"
        op.execute(
            f"CREATE FUNCTION {function} RETURNS trigger {BY_INDEX} AS $$ BEGIN {statements}; RETURN NULL; END $$"
        )
        op.execute(
            f"CREATE TRIGGER unassigned_{name} AFTER {event} ON {table} REFERENCING {rows} TABLE AS changed"
            f" FOR EACH STATEMENT EXECUTE FUNCTION {function}"
        )
    op.execute(DELETED)
    op.execute(
        "CREATE TRIGGER unassigned_deleted AFTER UPDATE OF deleted_at ON retailers FOR EACH ROW"
        " WHEN (OLD.deleted_at IS DISTINCT FROM NEW.deleted_at) EXECUTE FUNCTION haat_retailer_deleted()"
    )


def downgrade() -> None:
    """Back to `name_key` and to the function that searches it."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("SET LOCAL statement_timeout = '15min'")
    op.execute(f"DROP FUNCTION {SIGNATURE}")
    for table, name, _, _ in TRIGGERS:
        op.execute(f"DROP TRIGGER unassigned_{name} ON {table}")
        op.execute(f"DROP FUNCTION haat_{table}_{name}()")
    op.execute("DROP TRIGGER unassigned_deleted ON retailers")
    op.execute("DROP FUNCTION haat_retailer_deleted()")
    op.drop_table("unassigned_retailers")
    op.execute(
        "ALTER TABLE retailers DROP COLUMN name_pairs,"
        " ADD COLUMN name_key text GENERATED ALWAYS AS (lower(normalize(name, NFC))) STORED"
    )
    op.execute("CREATE INDEX ix_retailers_name_key_trigrams ON retailers USING gin (name_key gin_trgm_ops)")
    op.execute(f"GRANT EXECUTE ON FUNCTION haat_search_retailers({ARGUMENTS}) TO haat_admin, haat_worker")
