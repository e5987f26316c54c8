//! The command line logs in to a server, by way of a browser, and works with the token that it got.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

const ROOST: &str = env!("CARGO_BIN_EXE_roost");

/// On a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that plays the api alone; it ends with this.
struct Api {
    folder: TempDir,
    process: Child,
}

impl Api {
    fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("rl-").tempdir_in("/tmp").unwrap();
        let config = folder.path().join("roost.toml");
        let data = folder.path().join("d");
        fs::write(&config, format!("data_dir = {data:?}\napi.listen = \"127.0.0.1:0\"\n")).unwrap();
        let mut command = Command::new(ROOST);
        command.args(["server", "--roles", "api", "--config"]).arg(&config);
        let process =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let api = Self { folder, process };
        wait_for("the server's URL", || {
            fs::read_to_string(data.join("run/api-url")).is_ok_and(|url| url.ends_with('\n'))
        });
        api
    }

    fn url(&self) -> String {
        fs::read_to_string(self.folder.path().join("d/run/api-url")).unwrap().trim().to_owned()
    }

    fn admin_token(&self) -> String {
        fs::read_to_string(self.folder.path().join("d/admin-token")).unwrap().trim().to_owned()
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn wait_for(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "{what}: not in time");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn roost(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(ROOST);
    command.args(args).env("ROOST_CONFIG_DIR", home).env("DOCKER_CONFIG", home);
    for name in ["ROOST_API_URL", "ROOST_API_TOKEN", "ROOST_DATA_DIR"] {
        command.env_remove(name);
    }
    command
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// One request on a connection of its own; the whole answer.
fn http(url: &str, method: &str, form: Option<&str>) -> String {
    let (authority, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(authority).unwrap();
    let body = form.unwrap_or_default();
    write!(
        stream,
        "{method} /{path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let rest = text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}")).1;
    rest.split_once(after).unwrap().0
}

#[test]
fn a_person_logs_in_works_and_logs_out() {
    let api = Api::start();
    let (url, home) = (api.url(), tempfile::tempdir().unwrap());
    let run = |args: &[&str]| roost(home.path(), args).output().unwrap();

    let mut login = roost(home.path(), &["auth", "login", "--api-url", &url]);
    let mut login =
        login.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(login.stderr.take().unwrap()).lines();
    let page =
        lines.by_ref().find_map(|line| Some(line.unwrap().split_once("Open ")?.1.trim().to_owned())).unwrap();
    let form_key = between(&http(&page, "GET", None), "name=form_key value=", ">").to_owned();
    let form = format!("answer=approve&form_key={form_key}&token={}", api.admin_token());
    let approved = http(&page, "POST", Some(&form));
    // What the browser's frame does.
    let callback = between(&approved, "<iframe src=\"", "\"").replace("&amp;", "&");
    assert!(http(&callback, "GET", None).contains("Go back to the terminal"));
    let output = login.wait_with_output().unwrap();
    assert!(said(&output).contains("as admin@roost.localhost"), "{output:?}");

    let file = home.path().join("credentials.toml");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(said(&run(&["auth", "whoami"])).trim(), "admin@roost.localhost");
    assert!(said(&run(&["orgs", "create", "Acme"])).contains("created acme"));
    let token = said(&run(&["tokens", "create", "org", "acme", "--name", "ci", "--expiry", "720h"]));
    let whose = run(&["--access-token", token.trim(), "orgs", "show", "acme", "--json"]);
    let whose: Value = serde_json::from_str(&said(&whose)).unwrap();
    assert_eq!(whose["members"][0]["email"], "admin@roost.localhost");
    let invited = said(&run(&["orgs", "invite", "acme", "ann@example.com"]));
    assert!(invited.contains("ann@example.com is member of acme") && invited.contains("roost_"), "{invited}");
    let tokens = said(&run(&["tokens", "list", "--org", "acme", "--json"]));
    let tokens: Value = serde_json::from_str(&tokens).unwrap();
    assert_eq!((&tokens[0]["name"], &tokens[0]["kind"]), (&"ci".into(), &"org".into()));
    said(&run(&["tokens", "revoke", tokens[0]["id"].as_str().unwrap()]));
    assert!(!run(&["--access-token", token.trim(), "orgs", "list"]).status.success());
    let audit = said(&run(&["audit", "--org", "acme"]));
    assert!(
        audit.contains("POST /v1/orgs/acme/members") && audit.contains("admin@roost.localhost"),
        "{audit}"
    );

    let environment = said(&run(&["env"]));
    assert!(environment.contains(&format!("export FLY_API_BASE_URL={url}\n")), "{environment}");
    said(&run(&["auth", "docker"]));
    let docker: Value = serde_json::from_slice(&fs::read(home.path().join("config.json")).unwrap()).unwrap();
    assert!(docker["auths"][url.strip_prefix("http://").unwrap()]["auth"].is_string(), "{docker}");

    let mine = said(&run(&["auth", "token"]));
    assert!(said(&run(&["auth", "logout"])).contains("logged out"));
    let after =
        roost(home.path(), &["--api-url", &url, "--access-token", mine.trim(), "auth", "whoami"]).output();
    let after = after.unwrap();
    assert!(String::from_utf8_lossy(&after.stderr).contains("not known here"), "{after:?}");
}
