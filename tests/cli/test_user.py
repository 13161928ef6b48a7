"""`haat user add`: an operator lets people in."""

from argon2 import PasswordHasher

from tests.cli.conftest import Haat, sql
from tests.conftest import Database

ADD = ("user", "add", "Rahima@Acme.test", "--role", "admin", "--organisation", "acme", "--password-stdin")


def test_the_first_admin_of_a_new_organisation_in_one_command(haat: Haat, database: Database) -> None:
    done = haat(*ADD, "--name", "রহিমা খাতুন", "--create-organisation", "--currency", "USD", typed="four words beat one\n")
    assert done.exit_code == 0, done.output
    assert "rahima@acme.test may log in to acme as admin" in done.stdout
    row = sql(
        database,
        lambda c: c.fetchrow(
            "SELECT u.*, o.currency FROM users u JOIN organisations o USING (tenant_id) WHERE o.code = 'acme'"
        ),
    )
    assert (row["login"], row["name"], row["role"], row["currency"]) == ("rahima@acme.test", "রহিমা খাতুন", "admin", "USD")
    assert PasswordHasher().verify(row["password_hash"], "four words beat one")
    again = haat(*ADD, typed="another password\n")
    assert again.exit_code == 1
    assert "has a user rahima@acme.test already" in again.stderr


def test_an_organisation_that_is_not_there_is_told_with_what_to_do(haat: Haat, database: Database) -> None:
    words = [word if word != "acme" else "nobody" for word in ADD]
    done = haat(*words, typed="four words beat one\n")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "--create-organisation" in done.stderr
    assert sql(database, lambda c: c.fetchval("SELECT count(*) FROM organisations WHERE code = 'nobody'")) == 0


def test_every_bad_value_of_a_new_organisation_is_named_and_nothing_is_made(haat: Haat, database: Database) -> None:
    more = ("--create-organisation", "--country", "XX", "--time-zone", "Dhaka", "--currency", "taka")
    words = [word if word != "acme" else "Bad Code" for word in ADD]
    done = haat(*words, *more, typed="four words beat one\n")
    assert done.exit_code == 1
    for named in ("'Bad Code'", "'XX'", "'Dhaka'", "'taka'"):
        assert named in done.stderr
    assert sql(database, lambda c: c.fetchval("SELECT count(*) FROM organisations WHERE code = 'Bad Code'")) == 0


def test_a_short_password_and_a_missing_one_are_refused(haat: Haat) -> None:
    assert "8 to 200 characters" in haat(*ADD, typed="short\n").stderr
    assert "empty" in haat(*ADD, typed="").stderr
    assert "HAAT_PASSWORD" in haat(*ADD[:-1]).stderr


def test_a_login_with_spaces_founds_no_organisation(haat: Haat, database: Database) -> None:
    words = ("user", "add", "two words", "--role", "sr", "--organisation", "spaces", "--create-organisation")
    done = haat(*words, env={"HAAT_PASSWORD": "four words beat one"})
    assert (done.exit_code, done.stdout) == (1, "")
    assert sql(database, lambda c: c.fetchval("SELECT count(*) FROM organisations WHERE code = 'spaces'")) == 0
