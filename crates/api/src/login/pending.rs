//! Logins that were begun and are not over.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use rand::RngCore;
use roost_records::{Email, TokenScope};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

/// How long clients wait for a person.
const LIFE: Duration = Duration::from_secs(15 * 60);

/// Open logins. Everybody may begin one: past this, the oldest one ends.
const MAX_OPEN: usize = 1000;

/// Wrong completion codes of one login.
const MAX_WRONG: u8 = 5;

pub struct Logins {
    open: Mutex<HashMap<String, Login>>,
    life: Duration,
}

impl Default for Logins {
    fn default() -> Self {
        Self { open: Mutex::default(), life: LIFE }
    }
}

#[derive(Debug, Clone)]
pub struct Login {
    /// What the computer calls itself.
    pub host_name: String,
    pub proof: Proof,
    /// What the token is to be restricted to, if the client asked.
    pub lock: Lock,
    began: Instant,
    wrong: u8,
    approved: Option<Approved>,
}

/// How the client shows that it is the one that began.
#[derive(Debug, Clone)]
pub enum Proof {
    /// It knows the login's id.
    Id,
    /// It knows what this is the SHA-256 of (RFC 7636, `S256`), and gets a code from the browser: on a
    /// port of its own computer, if it listens there.
    Pkce { challenge: String, state: String, port: Option<u16> },
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lock {
    pub org: Option<String>,
    pub app: Option<String>,
}

/// What a person said yes to.
#[derive(Debug, Clone)]
pub struct Approved {
    pub user: Email,
    pub scope: TokenScope,
    /// Handed to the browser; with it and the verifier the token is fetched.
    pub code: String,
}

/// Why no token was handed out.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    Unknown,
    NotYet,
    WrongCode,
}

impl Logins {
    /// Begins a login; its id.
    pub fn begin(&self, host_name: String, proof: Proof, lock: Lock) -> String {
        let id = random();
        let began = Instant::now();
        let login = Login { host_name, proof, lock, began, wrong: 0, approved: None };
        let mut open = self.lock();
        open.retain(|_, login| login.began.elapsed() < self.life);
        if open.len() >= MAX_OPEN
            && let Some(oldest) = open.iter().min_by_key(|(_, login)| login.began).map(|(id, _)| id.clone())
        {
            open.remove(&oldest);
        }
        open.insert(id.clone(), login);
        id
    }

    /// A login that waits for a person.
    pub fn waiting(&self, id: &str) -> Option<Login> {
        let open = self.lock();
        let login =
            open.get(id).filter(|login| login.began.elapsed() < self.life && login.approved.is_none());
        login.cloned()
    }

    /// A person said yes; the completion code, if the login still waited.
    pub fn approve(&self, id: &str, user: Email, scope: TokenScope) -> Option<String> {
        let mut open = self.lock();
        let login = open.get_mut(id).filter(|login| login.approved.is_none())?;
        let code = random();
        login.approved = Some(Approved { user, scope, code: code.clone() });
        Some(code)
    }

    pub fn deny(&self, id: &str) {
        self.lock().remove(id);
    }

    /// What was said yes to, for a client that only knows the id. Once.
    pub fn take(&self, id: &str) -> Result<Approved, Refused> {
        let mut open = self.lock();
        let login = open.get(id).filter(|login| login.began.elapsed() < self.life).ok_or(Refused::Unknown)?;
        match (&login.proof, &login.approved) {
            (Proof::Id, Some(_)) => {}
            _ => return Err(Refused::NotYet),
        }
        open.remove(id).and_then(|login| login.approved).ok_or(Refused::Unknown)
    }

    /// The same for a client that shows a code and a verifier. A wrong one counts.
    pub fn redeem(&self, id: &str, code: &str, verifier: &str) -> Result<Approved, Refused> {
        let mut open = self.lock();
        let login =
            open.get_mut(id).filter(|login| login.began.elapsed() < self.life).ok_or(Refused::Unknown)?;
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        let proven = matches!(&login.proof, Proof::Pkce { challenge: asked, .. } if *asked == challenge);
        // Compared by hash, so that the time tells nothing about the code.
        let right = |approved: &Approved| Sha256::digest(&approved.code) == Sha256::digest(code);
        if proven && login.approved.as_ref().is_some_and(right) {
            return open.remove(id).and_then(|login| login.approved).ok_or(Refused::Unknown);
        }
        login.wrong += 1;
        if login.wrong >= MAX_WRONG {
            open.remove(id);
        }
        Err(Refused::WrongCode)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Login>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shown on both sides, so that a person sees that the browser and the terminal mean the same login.
pub fn user_code(id: &str) -> String {
    let digest = hex::encode_upper(Sha256::digest(id.as_bytes()));
    format!("{}-{}", &digest[..4], &digest[4..8])
}

/// 256 bits, as text that fits into a URL.
pub fn random() -> String {
    let mut bytes = [0; 32];
    rand::rng().fill_bytes(&mut bytes);
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pkce(verifier: &str) -> Proof {
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        Proof::Pkce { challenge, state: "s".to_owned(), port: None }
    }

    fn ann() -> Email {
        "ann@example.com".parse().unwrap()
    }

    #[test]
    fn a_code_is_good_once_and_only_with_its_verifier() {
        let logins = Logins::default();
        let id = logins.begin("laptop".to_owned(), pkce("v"), Lock::default());
        assert_eq!(logins.redeem(&id, "", "v").unwrap_err(), Refused::WrongCode);
        let code = logins.approve(&id, ann(), TokenScope::User).unwrap();
        assert!(logins.approve(&id, ann(), TokenScope::User).is_none());
        assert_eq!(logins.take(&id).unwrap_err(), Refused::NotYet);
        assert_eq!(logins.redeem(&id, &code, "w").unwrap_err(), Refused::WrongCode);
        assert_eq!(logins.redeem(&id, &code, "v").unwrap().user, ann());
        assert_eq!(logins.redeem(&id, &code, "v").unwrap_err(), Refused::Unknown);
    }

    #[test]
    fn guessing_ends_the_login() {
        let logins = Logins::default();
        let id = logins.begin("laptop".to_owned(), pkce("v"), Lock::default());
        logins.approve(&id, ann(), TokenScope::User).unwrap();
        for _ in 0..MAX_WRONG {
            assert_eq!(logins.redeem(&id, "guess", "v").unwrap_err(), Refused::WrongCode);
        }
        assert_eq!(logins.redeem(&id, "guess", "v").unwrap_err(), Refused::Unknown);
    }

    #[test]
    fn logins_are_bounded_in_number_and_time() {
        let logins = Logins::default();
        let first = logins.begin("first".to_owned(), Proof::Id, Lock::default());
        for _ in 0..MAX_OPEN {
            logins.begin("more".to_owned(), Proof::Id, Lock::default());
        }
        assert!(logins.waiting(&first).is_none() && logins.lock().len() == MAX_OPEN);

        let logins = Logins { life: Duration::ZERO, ..Logins::default() };
        let late = logins.begin("late".to_owned(), Proof::Id, Lock::default());
        logins.approve(&late, ann(), TokenScope::User).unwrap();
        assert!(logins.waiting(&late).is_none());
        assert_eq!(logins.take(&late).unwrap_err(), Refused::Unknown);
    }
}
