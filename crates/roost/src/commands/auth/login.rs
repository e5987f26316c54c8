//! `roost auth login`: begins a login, waits until a person has approved it in a browser.

use std::{io::BufRead as _, time::Duration};

use anyhow::Context as _;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use roost_api_types::{BeginLogin, BegunLogin, RedeemLogin};
use roost_client::ApiClient;
use sha2::{Digest as _, Sha256};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use super::super::context::Context;
use crate::{credentials::Credentials, failure::OrNext as _};

/// As long as the server keeps a login open.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// Most of a request that the browser sends here.
const MAX_REQUEST: usize = 8 << 10;

/// How long a browser may take to send it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  roost auth login --api-url https://roost.example.com
  roost auth login --with-token < token.txt")]
pub struct Args {
    /// Read a token from stdin instead, such as the one of an invitation
    #[arg(long)]
    with_token: bool,
}

pub async fn run(args: Args, context: &Context) -> anyhow::Result<()> {
    let url = context.api_url()?;
    let token = match args.with_token {
        true => read_token()?,
        false => in_browser(&ApiClient::new(&url, ""), context).await?,
    };
    let user = ApiClient::new(&url, &token).user().await.or_next("roost auth login")?;
    let mut credentials = Credentials::load()?;
    credentials.log_in(&url, token);
    credentials.save()?;
    context.output.result(&user, |user| format!("logged in to {url} as {}", user.email))?;
    Ok(())
}

fn read_token() -> anyhow::Result<String> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("cannot read stdin")?;
    let token = line.trim().to_owned();
    anyhow::ensure!(!token.is_empty(), "stdin held no token");
    Ok(token)
}

/// The proof that it is we who began: nobody else knows what the challenge is the hash of (RFC 7636).
async fn in_browser(api: &ApiClient, context: &Context) -> anyhow::Result<String> {
    let (verifier, state) = (random(), random());
    let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot listen on 127.0.0.1")?;
    let request = BeginLogin {
        name: nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
        code_challenge: Some(BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))),
        code_challenge_method: Some("S256".to_owned()),
        state: Some(state.clone()),
        redirect_port: Some(listener.local_addr()?.port()),
        metadata: None,
    };
    let begun = api.begin_login(&request).await?;
    context.progress.note(format!("Open {}", begun.auth_url));
    context.progress.note(format!("and approve the login with the code {}.", begun.user_code));
    context.progress.note("Or paste the code that the page shows here, and press Enter.");
    let (codes, received) = mpsc::channel(1);
    tokio::spawn(listen(listener, state, codes.clone()));
    std::thread::spawn(move || pasted(&codes));
    let token = redeem(api, &begun, received, &verifier, context);
    let late = "nobody approved the login in time";
    tokio::time::timeout(PATIENCE, token).await.context(late).or_next("roost auth login")?
}

async fn redeem(
    api: &ApiClient,
    begun: &BegunLogin,
    mut codes: mpsc::Receiver<String>,
    verifier: &str,
    context: &Context,
) -> anyhow::Result<String> {
    while let Some(code) = codes.recv().await {
        let request = RedeemLogin { code, code_verifier: verifier.to_owned() };
        match api.redeem_login(&begun.id, &request).await {
            Ok(login) => return Ok(login.access_token),
            Err(error) if matches!(&error, roost_client::ClientError::Refused { status: 403, .. }) => {
                context.progress.warn("that code is not right");
            }
            Err(error) => return Err(error).or_next("roost auth login"),
        }
    }
    anyhow::bail!("no code came")
}

/// Takes the code from the browser: `GET /callback?code=…&state=…`.
async fn listen(listener: TcpListener, state: String, codes: mpsc::Sender<String>) {
    while let Ok((stream, _)) = listener.accept().await {
        let call = tokio::time::timeout(REQUEST_TIMEOUT, answer(stream, &state)).await;
        if let Ok(Some(code)) = call
            && codes.send(code).await.is_err()
        {
            return;
        }
    }
}

async fn answer(mut stream: TcpStream, state: &str) -> Option<String> {
    let mut request = vec![0; MAX_REQUEST];
    let mut length = 0;
    while length < request.len() && !request[..length].windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut request[length..]).await.ok()? {
            0 => break,
            read => length += read,
        }
    }
    let text = String::from_utf8_lossy(&request[..length]);
    let query =
        text.strip_prefix("GET /callback?").and_then(|rest| rest.split(' ').next()).unwrap_or_default();
    let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    // The state says that the page was ours; another site's page does not know it.
    let code = value("code").filter(|_| value("state") == Some(state)).map(str::to_owned);
    let (status, said) = match code {
        Some(_) => ("200 OK", "Logged in. Go back to the terminal."),
        None => ("400 Bad Request", "This is not the login that the terminal waits for."),
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{said}",
        said.len()
    );
    stream.write_all(answer.as_bytes()).await.ok()?;
    code
}

fn pasted(codes: &mpsc::Sender<String>) {
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let code = line.trim().to_owned();
        if !code.is_empty() && codes.blocking_send(code).is_err() {
            return;
        }
    }
}

fn random() -> String {
    BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}
