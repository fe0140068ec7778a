//! `shaken policy import` from a real PostgreSQL server.

mod postgres_server;
#[expect(dead_code, reason = "each test file uses a part of it")]
mod running;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use postgres_server::{HOST, PASSWORD, PATIENCE, Server, USER};
use running::{json_lines, run, shaken};
use serde_json::json;
use tempfile::TempDir;

const ROWS: [&str; 3] = ["rights.csv", "customers.csv", "evidence.csv"];

/// The rows of the example policy, as a database has them.
const TABLES: &str = "
CREATE TYPE basis AS ENUM ('assigned', 'ported_out', 'loa');
CREATE DOMAIN instant AS timestamptz;
CREATE TABLE evidence (
    id text PRIMARY KEY, type text, document bytea, uri text, issued date, expires date, reviewer text);
CREATE TABLE customers (
    id text PRIMARY KEY, kind text, parent text, kyc text, verified date, expires date, evidence text[]);
CREATE TABLE rights (
    id serial, customer char(20), first bigint, last bigint, trunks text[], basis basis, evidence text[],
    since date, until instant, level char(1));
INSERT INTO evidence VALUES
    ('kyc-1', 'kyc_report', NULL, 'https://docs.example.com/kyc-1.pdf', '2026-01-01', NULL, 'compliance'),
    ('loa-1', 'loa_pdf', NULL, 'https://docs.example.com/loa-1.pdf', '2026-01-01', '2026-12-31', 'compliance'),
    ('loa-2', 'loa_pdf', NULL, 'https://docs.example.com/loa-2.pdf', '2025-01-01', '2025-12-31', 'compliance');
INSERT INTO customers VALUES
    ('acme', 'end_user', NULL, 'verified', '2026-01-01', '2027-12-31', '{kyc-1}'),
    ('branch', 'end_user', 'acme', 'pending', NULL, NULL, NULL);
INSERT INTO rights (customer, first, last, trunks, basis, evidence, since, level) VALUES
    ('acme', 12155550100, 12155550119, NULL, 'assigned', NULL, '2026-01-01', 'A'),
    ('acme', 12155550116, NULL, '{}', 'ported_out', NULL, '2026-02-01', 'B'),
    ('acme', 12155550140, NULL, '{teams}', 'loa', '{loa-1}', NULL, 'A'),
    ('acme', 12155550141, NULL, NULL, 'loa', '{loa-2,NULL}', NULL, 'A'),
    ('branch', 12155550150, NULL, NULL, 'assigned', NULL, NULL, 'A');
";

const EVIDENCE: &str = "SELECT id AS evidence, type, document AS sha256, uri, issued AS issued_at,
    expires AS expires_at, reviewer AS reviewed_by FROM evidence ORDER BY id;\n";
const CUSTOMERS: &str = "SELECT id AS customer, 'example-telecom' AS provider, kind, parent, kyc,
    verified AS verified_at, expires AS expires_at, evidence FROM customers ORDER BY id";
const RIGHTS: &str = "SELECT customer, concat_ws('-', first, last) AS numbers, trunks, basis, evidence,
    since AS valid_from, until AS valid_until, level AS max_level FROM rights ORDER BY id -- all of them";

/// A policy in a folder of its own, and a database for it.
struct Place {
    server: Server,
    folder: TempDir,
}

impl Place {
    fn new() -> Option<Self> {
        let server = Server::started()?;
        server.ask(TABLES);
        let folder = TempDir::new().unwrap();
        for name in [&ROWS[..], &["policy.toml"]].concat() {
            fs::copy(example().join(name), folder.path().join(name)).unwrap();
        }
        Some(Self { server, folder })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes an import file; `database` has the keys of where it is.
    fn queries_at(&self, database: &str, queries: &[(&str, &str)]) {
        let sections: String = queries
            .iter()
            .map(|(name, query)| format!("[{name}]\nquery = '''\n{}\n'''\n", query.trim_end()))
            .collect();
        let text = format!("[postgresql]\ndbname = \"provisioning\"\n{database}\n{sections}");
        fs::write(self.path("import.toml"), text).unwrap();
    }

    fn queries(&self, queries: &[(&str, &str)]) {
        let socket = self.server.socket_folder().display();
        let port = self.server.port;
        self.queries_at(&format!("host = \"{socket}\"\nport = {port}\nuser = \"{USER}\""), queries);
    }

    fn all_queries(&self) {
        self.queries(&[("rights", RIGHTS), ("customers", CUSTOMERS), ("evidence", EVIDENCE)]);
    }

    fn import(&self, more: &[&str]) -> Output {
        let file = self.path("import.toml");
        let paths = [file.to_str().unwrap(), self.folder.path().to_str().unwrap()];
        run(&[&["policy", "import"], &paths[..], more].concat(), b"")
    }

    /// What an import that has to fail says. Nothing there may have changed.
    fn refused(&self, more: &[&str], code: i32) -> String {
        let before = self.files();
        let output = self.import(more);
        let told = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{told}");
        let after: BTreeMap<_, _> =
            self.files().into_iter().filter(|(name, _)| !name.ends_with(".new")).collect();
        assert_eq!(after, before.into_iter().filter(|(name, _)| !name.ends_with(".new")).collect());
        told
    }

    fn check(&self) -> String {
        let output = run(&["policy", "check", self.folder.path().to_str().unwrap()], b"");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        generation(&stderr(&output))
    }

    /// All files but the queries: what is in them, and which they are.
    fn files(&self) -> BTreeMap<String, (Vec<u8>, u64)> {
        let paths = fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let named = paths.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), path));
        let of = |path: PathBuf| (fs::read(&path).unwrap(), fs::metadata(&path).unwrap().ino());
        named.filter(|(name, _)| name != "import.toml").map(|(name, path)| (name, of(path))).collect()
    }
}

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/policy")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The last word, which `check` ends with.
fn generation(told: &str) -> String {
    told.split_whitespace().last().unwrap().to_owned()
}

fn of_example() -> String {
    generation(&stderr(&run(&["policy", "check", example().to_str().unwrap()], b"")))
}

#[test]
fn rows_of_a_database_are_the_rows_of_the_files() {
    let Some(place) = Place::new() else { return };
    place.all_queries();
    // The first import, into a folder with nothing but policy.toml.
    for name in ROWS {
        fs::remove_file(place.path(name)).unwrap();
    }
    fs::set_permissions(place.path("policy.toml"), fs::Permissions::from_mode(0o640)).unwrap();
    let output = place.import(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(place.check(), of_example());
    let told = stdout(&output);
    assert!(told.starts_with(&format!("generation none -> {}\n", of_example())), "{told}");
    assert!(told.contains("rights.csv: 0 -> 5 rows: 5 added, 0 removed, 0 changed\n"), "{told}");
    let names: Vec<String> = place.files().into_keys().collect();
    assert_eq!(names, ["customers.csv", "evidence.csv", "policy.toml", "rights.csv"]);
    for name in ROWS {
        assert_eq!(fs::metadata(place.path(name)).unwrap().mode() & 0o777, 0o640, "{name}");
    }

    // Nothing has changed, whatever order the rows come in.
    let before = place.files();
    place.queries(&[
        ("rights", &RIGHTS.replace("ORDER BY id", "ORDER BY id DESC")),
        ("customers", CUSTOMERS),
        ("evidence", EVIDENCE),
    ]);
    let output = place.import(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("no row differs"), "{}", stderr(&output));
    assert_eq!(place.files(), before);

    // What is different is told, and put in place unless it was a dry run.
    place.all_queries();
    place.server.ask(
        "UPDATE rights SET level = 'B' WHERE first = 12155550150;
         INSERT INTO rights (customer, first, basis, level) VALUES ('branch', 12155550151, 'assigned', 'A');
         DELETE FROM rights WHERE first = 12155550116;",
    );
    let output = place.import(&["--dry-run", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let planned = json_lines(&output).remove(0);
    let rights = &planned["files"][2];
    assert_eq!(
        json!([rights["rows_before"], rights["rows"], rights["added"], rights["removed"], rights["changed"]]),
        json!([5, 5, 1, 1, 1])
    );
    assert_eq!(planned["generation"]["before"], of_example());
    assert_eq!(planned["written"], false);
    assert_eq!(place.files(), before);
    let output = place.import(&["--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let done = json_lines(&output).remove(0);
    assert_eq!((&done["written"], &done["files"]), (&json!(true), &planned["files"]));
    assert_eq!(done["generation"]["after"], place.check());
    assert_eq!(done["generation"], planned["generation"]);
}

#[test]
fn types_come_as_the_files_have_them() {
    let Some(place) = Place::new() else { return };
    place.all_queries();
    place.server.ask(
        "UPDATE evidence SET document = decode(repeat('AB', 32), 'hex'), reviewer = E' a, \"b\"\\nc\\\\d' WHERE id = 'loa-1';
         UPDATE rights SET until = '2026-12-31 19:30:00.5-05' WHERE first = 12155550140;",
    );
    let output = place.import(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let evidence = fs::read_to_string(place.path("evidence.csv")).unwrap();
    assert!(evidence.contains(&format!("loa-1,loa_pdf,{},", "ab".repeat(32))), "{evidence}");
    assert!(evidence.contains("\" a, \"\"b\"\"\nc\\d\""), "{evidence}");
    let rights = fs::read_to_string(place.path("rights.csv")).unwrap();
    assert!(rights.contains("acme,12155550140,teams,loa,loa-1,,2027-01-01T00:30:00Z,A\n"), "{rights}");
    assert!(rights.contains("acme,12155550141,,loa,loa-2,,,A\n"), "{rights}");
    place.check();

    // A time without a zone is in UTC, as a day is.
    let local = RIGHTS.replace("until AS", "(until AT TIME ZONE 'UTC')::timestamp AS");
    place.queries(&[("rights", &local)]);
    assert!(stderr(&place.import(&[])).contains("no row differs"));

    // What ended before all time is not what never ends.
    for (kind, place_of) in [("instant", "until"), ("timestamp", "until"), ("date", "until")] {
        place.server.ask("UPDATE rights SET until = '-infinity' WHERE first = 12155550140");
        let query = RIGHTS.replace("until AS", &format!("{place_of}::{kind} AS"));
        place.queries(&[("rights", &query)]);
        let told = place.refused(&[], 78);
        assert!(told.contains("rights.csv.new:4: \"-infinity\""), "{told}");
    }
}

#[test]
fn a_wrong_row_is_named_and_replaces_nothing() {
    let Some(place) = Place::new() else { return };
    place.all_queries();
    place.server.ask(
        "UPDATE rights SET customer = '12155550177' WHERE first = 12155550140;
         UPDATE customers SET evidence = '{none}' WHERE id = 'branch'; UPDATE evidence SET uri = 'changed';",
    );
    let told = place.refused(&["--dry-run"], 78);
    assert!(told.contains("without --dry-run"), "{told}");
    assert!(place.files().into_keys().all(|name| !name.ends_with(".new")));

    let told = place.refused(&[], 78);
    let at = |name: &str, line: usize| format!("{}:{line}: ", place.path(name).display());
    assert!(told.contains(&format!("{}there is no customer", at("rights.csv.new", 4))), "{told}");
    assert!(told.contains(&format!("{}there is no evidence", at("customers.csv.new", 3))), "{told}");
    assert!(!told.contains("12155550177"), "{told}");
    // The line can be looked at.
    let refused = fs::read_to_string(place.path("rights.csv.new")).unwrap();
    assert!(refused.lines().nth(3).unwrap().starts_with("12155550177,12155550140,"), "{refused}");

    // The rest is as it was, and the next import leaves nothing behind.
    assert_eq!(place.check(), of_example());
    place.server.ask(
        "UPDATE rights SET customer = 'acme' WHERE first = 12155550140;
         UPDATE customers SET evidence = NULL WHERE id = 'branch'",
    );
    assert_eq!(place.import(&[]).status.code(), Some(0));
    assert_eq!(place.files().len(), 4);
    assert_ne!(place.check(), of_example());
}

#[test]
fn what_would_take_rights_away_by_mistake_is_refused() {
    let Some(place) = Place::new() else { return };
    place.all_queries();
    place.server.ask("CREATE TABLE kept AS TABLE rights; DELETE FROM rights WHERE first > 12155550116");
    let told = place.refused(&[], 1);
    assert!(told.contains("rights.csv: 3 of 5 rows would go, more than 20 %"), "{told}");
    assert!(told.contains("--max-removed"), "{told}");
    place.refused(&["--max-removed", "59"], 1);
    place.refused(&["--max-removed", "59", "--dry-run"], 1);
    assert_eq!(place.import(&["--max-removed", "60", "--dry-run"]).status.code(), Some(0));

    place.server.ask("DELETE FROM rights");
    let told = place.refused(&["--max-removed", "100"], 1);
    assert!(told.contains("rights.csv: the query gives no rows") && told.contains("--allow-empty"), "{told}");
    let output = place.import(&["--allow-empty"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("rights.csv: 5 -> 0 rows: 0 added, 5 removed"), "{}", stdout(&output));
    // It was empty before.
    assert_eq!(place.import(&[]).status.code(), Some(0));
    place.server.ask("INSERT INTO rights TABLE kept");
    assert_eq!(place.import(&[]).status.code(), Some(0));
    assert_eq!(place.check(), of_example());

    // What cannot be read cannot be compared with.
    fs::write(place.path("rights.csv"), "nonsense\n").unwrap();
    let told = place.refused(&[], 78);
    assert!(told.contains("rights.csv:1: ") && told.contains("--max-removed 100"), "{told}");
    assert_eq!(place.import(&["--max-removed", "100"]).status.code(), Some(0));
    assert_eq!(place.check(), of_example());

    // Lists are files of the policy too, and those alone.
    place.queries(&[]);
    let queries = fs::read_to_string(place.path("import.toml")).unwrap();
    let list = "[[list]]\nfile = \"dno.csv\"\nquery = \"SELECT '1215555019' || n AS numbers FROM generate_series(0, 9) n\"";
    fs::write(place.path("import.toml"), format!("{queries}\n{list}\n")).unwrap();
    let told = place.refused(&[], 78);
    assert!(told.contains("list \"dno.csv\"") && told.contains("do_not_originate"), "{told}");
    let policy = fs::read_to_string(place.path("policy.toml")).unwrap();
    let policy = policy.replacen("[[provider]]", "do_not_originate = [\"dno.csv\"]\n[[provider]]", 1);
    fs::write(place.path("policy.toml"), policy).unwrap();
    assert_eq!(place.import(&[]).status.code(), Some(0));
    place.check();
    assert_eq!(fs::read_to_string(place.path("dno.csv")).unwrap().lines().count(), 11);
}

#[test]
fn queries_that_cannot_be_are_told_without_rows() {
    let Some(place) = Place::new() else { return };
    let rights = |query: &str| {
        place.queries(&[("rights", query)]);
        place.refused(&[], 78)
    };
    for (query, name, parts) in [
        (
            "SELECT customer, basis, level AS max_level FROM rights",
            "db-columns",
            &[
                "no column numbers",
                "wanted are customer, numbers, basis, max_level; there may be trunks, evidence, valid_from, valid_until",
            ][..],
        ),
        (
            "SELECT *, 1 AS numbers, 1 AS max_level FROM rights",
            "db-columns",
            &["a column \"id\"", "there may be trunks"],
        ),
        (
            "SELECT customer, customer, 1 AS numbers, basis, 'A' AS max_level FROM rights",
            "db-columns",
            &["customer twice"],
        ),
        ("SELECT customer, basis, 'A' AS max_level, $1::text AS numbers FROM rights", "db-columns", &["$1"]),
        ("SELECT customer\nFROM right", "db-query", &["line 2", "42601"]),
        ("SELECT customer\n FROM nothing", "db-query", &["line 2", "nothing", "42P01"]),
        ("SELECT 1; DROP TABLE rights", "db-query", &["42601"]),
        (
            "DELETE FROM rights RETURNING customer, first AS numbers, basis, level AS max_level",
            "db-query",
            &["42601", "one SELECT, WITH"],
        ),
        (
            "SELECT customer, 1/(id - 2) || '' AS numbers, basis, level AS max_level FROM rights",
            "db-query",
            &["22012"],
        ),
        (
            "SELECT customer, (first || 'x')::bigint AS numbers, basis, level AS max_level FROM rights",
            "db-query",
            &["22P02"],
        ),
    ] {
        let told = rights(query);
        assert!(
            told.contains(&format!("({name})")) && told.starts_with("shaken: rights: "),
            "{query}: {told}"
        );
        assert!(parts.iter().all(|part| told.contains(part)), "{query}: {told}");
        assert!(!told.contains("1215555") && !told.contains("x\""), "{told}");
        assert!(place.files().into_keys().all(|name| !name.ends_with(".new")), "{query}");
    }
    // What changes something cannot, whatever the role may do.
    place.server.ask(&format!(
        "GRANT ALL ON rights TO {USER};
         CREATE FUNCTION lose() RETURNS bigint LANGUAGE sql AS 'DELETE FROM public.rights RETURNING 1'"
    ));
    let told = rights("SELECT customer, lose() AS numbers, basis, level AS max_level FROM rights");
    assert!(told.contains("25006"), "{told}");
    assert_eq!(place.server.ask("SELECT count(*) FROM rights").trim(), "5");
    place.server.ask("REVOKE ALL ON rights FROM importer; REVOKE pg_read_all_data FROM importer");
    let told = rights(RIGHTS);
    assert!(told.contains("permission denied for table rights"), "{told}");

    let text = fs::read_to_string(place.path("import.toml")).unwrap();
    let slow = text.replace("dbname", "timeout_s = 1\ndbname").replace(
        "SELECT customer,",
        "SELECT pg_sleep(600) IS NULL AS numbers, 'a' AS customer, 'assigned' AS basis, 'A' AS max_level; --",
    );
    fs::write(place.path("import.toml"), slow.split("; --").next().unwrap().to_owned() + "'''").unwrap();
    let told = place.refused(&[], 69);
    assert!(told.contains("(db-timeout)") && told.contains("timeout_s"), "{told}");
}

#[test]
fn servers_that_do_not_let_us_in_are_told_apart_without_secrets() {
    let Some(place) = Place::new() else { return };
    let port = place.server.port;
    for (name, text) in [("password", PASSWORD), ("wrong", "guessed-and-not-right")] {
        fs::write(place.path(name), format!("{text}\n")).unwrap();
        fs::set_permissions(place.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    }
    let ca = format!("ca = {:?}", place.server.ca().to_str().unwrap());
    let at = |keys: &str| {
        place.queries_at(&format!("user = \"{USER}\"\n{keys}"), &[("rights", RIGHTS)]);
    };
    let plain = format!("host = \"127.0.0.1\"\nport = {port}");
    let tls = format!("host = \"{HOST}\"\nport = {port}\n{ca}");
    let good = "password_file = \"password\"";
    for keys in [format!("{plain}\n{good}"), format!("{tls}\n{good}")] {
        at(&keys);
        let output = place.import(&[]);
        assert_eq!(output.status.code(), Some(0), "{keys}: {}", stderr(&output));
    }
    at(&format!("{tls}\npassword_env = \"IMPORT_PASSWORD\""));
    let by_environment = |password: &str| {
        let mut command = shaken();
        command.args(["policy", "import"]).arg(place.path("import.toml")).arg(place.folder.path());
        command.env("IMPORT_PASSWORD", password).output().unwrap()
    };
    assert_eq!(by_environment(PASSWORD).status.code(), Some(0));
    assert_eq!(by_environment("").status.code(), Some(78));

    // TLS was in use: the server says so.
    let of_tls = "SELECT customer, concat_ws('-', first, last) AS numbers, basis, evidence, trunks, since AS valid_from,
        level AS max_level FROM rights, pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl ORDER BY id";
    for (keys, code) in [(&tls, 0), (&plain, 1)] {
        place.queries_at(&format!("user = \"{USER}\"\n{keys}\n{good}"), &[("rights", of_tls)]);
        let output = place.import(&["--dry-run"]);
        assert_eq!(output.status.code(), Some(code), "{keys}: {}", stderr(&output));
    }

    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = silent.local_addr().unwrap().port();
    drop(silent);
    for (keys, code, name, part) in [
        (format!("{plain}\npassword_file = \"wrong\""), 78, "db-login", "28P01"),
        (format!("{tls}\npassword_file = \"wrong\""), 78, "db-login", "28P01"),
        (plain.clone(), 78, "db-login", "postgresql.password_file"),
        (format!("host = \"127.0.0.1\"\nport = {nobody}\n{good}"), 69, "db-unreachable", "refused"),
        ("host = \"/nowhere\"".into(), 69, "db-unreachable", "/nowhere/.s.PGSQL.5432"),
        (format!("host = \"127.0.0.1\"\nport = {port}\n{ca}\n{good}"), 78, "db-tls", "postgresql.host"),
        (format!("host = \"{HOST}\"\nport = {port}\ntls = true\n{good}"), 78, "db-tls", "postgresql.ca"),
    ] {
        at(&keys);
        let told = place.refused(&[], code);
        assert!(told.contains(&format!("({name})")) && told.contains(part), "{keys}: {told}");
        assert!(!told.contains("guessed") && !told.contains(PASSWORD), "{told}");
    }
    at(&format!("{plain}\n{good}"));
    let text = fs::read_to_string(place.path("import.toml")).unwrap();
    fs::write(place.path("import.toml"), text.replace("provisioning", "elsewhere")).unwrap();
    let told = place.refused(&[], 78);
    assert!(told.contains("elsewhere") && told.contains("(db-login)"), "{told}");

    place.server.without_tls();
    at(&format!("{tls}\n{good}"));
    let told = place.refused(&[], 78);
    assert!(told.contains("offers no TLS") && told.contains("(db-tls)"), "{told}");
    assert!(place.files().into_keys().all(|name| !name.ends_with(".new")));
}

#[test]
fn all_rows_are_of_one_moment_and_one_import() {
    let Some(place) = Place::new() else { return };
    // The first of the queries waits for a lock.
    let waiting = EVIDENCE.replace("ORDER BY", "WHERE pg_advisory_xact_lock_shared(1) IS NOT NULL ORDER BY");
    place.queries(&[("rights", RIGHTS), ("customers", CUSTOMERS), ("evidence", &waiting)]);
    let mut holder = place.server.session();
    let mut input = holder.stdin.take().unwrap();
    let mut output = BufReader::new(holder.stdout.take().unwrap());
    input.write_all(b"SELECT 'held' FROM pg_advisory_lock(1);\n").unwrap();
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    assert_eq!(line.trim(), "held");

    let mut command = shaken();
    command.args(["policy", "import"]).arg(place.path("import.toml")).arg(place.folder.path());
    let import = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let until = Instant::now() + PATIENCE;
    let waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
    while place.server.ask(waits).trim() != "1" {
        assert!(Instant::now() < until, "the query does not wait");
        std::thread::sleep(Duration::from_millis(20));
    }
    // Another import would write to the same files.
    let second = place.import(&[]);
    assert_eq!(second.status.code(), Some(74));
    assert!(stderr(&second).contains("another import"), "{}", stderr(&second));
    // A row that came later is of a later moment, also for queries that have not begun.
    place.server.ask(
        "INSERT INTO customers VALUES ('late', 'end_user', NULL, 'none', NULL, NULL, NULL);
         INSERT INTO rights (customer, first, basis, level) VALUES ('late', 12155550151, 'assigned', 'A');",
    );
    drop(input);
    holder.wait().unwrap();
    let output = import.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("no row differs"), "{} {}", stdout(&output), stderr(&output));
    assert_eq!(place.import(&[]).status.code(), Some(0));
    assert!(fs::read_to_string(place.path("rights.csv")).unwrap().contains("late,12155550151,"));
}

#[test]
fn many_rows_are_streamed() {
    const COUNT: usize = 200_000;
    let Some(place) = Place::new() else { return };
    let query = format!(
        "SELECT 'acme' AS customer, 12150000000 + n AS numbers, 'assigned' AS basis, date '2026-01-01' AS valid_from,
         'A' AS max_level FROM generate_series(1, {COUNT}) AS n"
    );
    place.queries(&[("rights", &query)]);
    let mut command = shaken();
    command.args(["policy", "import", "--max-removed", "100"]).arg(place.path("import.toml"));
    let mut import = command.arg(place.folder.path()).stdout(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    let status = format!("/proc/{}/status", import.id());
    let mut peak = String::new();
    let exit = loop {
        let now = fs::read_to_string(&status).unwrap_or_default();
        if let Some(line) = now.lines().find(|line| line.starts_with("VmHWM:")) {
            line.clone_into(&mut peak);
        }
        if let Some(exit) = import.try_wait().unwrap() {
            break exit;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    assert_eq!(exit.code(), Some(0));
    println!("{COUNT} rows in {:?}; peak {peak}", began.elapsed());
    assert_eq!(fs::read_to_string(place.path("rights.csv")).unwrap().lines().count(), COUNT + 1);
    place.check();
}
