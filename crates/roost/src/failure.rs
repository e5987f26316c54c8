//! How a command fails: what was wrong, and the command to type next.

use std::{fmt, io, process::ExitCode};

use roost_api_types::ErrorCode;
use roost_client::ClientError;

/// Context for an error that a person can act on.
#[derive(Debug)]
struct Next(String);

impl fmt::Display for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Says what to do about an error.
pub trait OrNext<T> {
    /// Adds the command, or the advice, that follows from the error.
    fn or_next(self, advice: impl Into<String>) -> anyhow::Result<T>;
}

impl<T, E: Into<anyhow::Error>> OrNext<T> for Result<T, E> {
    fn or_next(self, advice: impl Into<String>) -> anyhow::Result<T> {
        self.map_err(|e| e.into().context(Next(advice.into())))
    }
}

/// What comes before anything else: no other advice helps while the server cannot be asked.
fn before_all(error: &anyhow::Error) -> Option<&'static str> {
    match error.downcast_ref::<ClientError>()? {
        ClientError::Unreachable { .. } => Some("sudo roost server, or name a server with --api-url"),
        refused if refused.code() == Some(ErrorCode::Unauthorized) => Some(
            "run the command with sudo on the server's box, log in (roost auth login), or set ROOST_API_TOKEN",
        ),
        _ => None,
    }
}

/// Prints an error with its causes and its advice.
pub fn report(error: &anyhow::Error) -> ExitCode {
    if let Some(e) = error.downcast_ref::<io::Error>()
        && e.kind() == io::ErrorKind::BrokenPipe
    {
        return ExitCode::SUCCESS;
    }
    eprintln!("Error: {}", Explained(error));
    ExitCode::FAILURE
}

/// The causes, outermost first, then the advice on a line of its own.
struct Explained<'a>(&'a anyhow::Error);

impl fmt::Display for Explained<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let advice = self.0.downcast_ref::<Next>().map(ToString::to_string);
        let causes: Vec<String> = self.0.chain().map(ToString::to_string).collect();
        let mut said: Vec<&str> = Vec::new();
        for cause in &causes {
            let repeated = said.last().is_some_and(|outer| outer.contains(cause.as_str()));
            if Some(cause) != advice.as_ref() && !repeated {
                said.push(cause);
            }
        }
        f.write_str(&said.join(": "))?;
        if let Some(advice) = before_all(self.0).or(advice.as_deref()) {
            write!(f, "\n  next: {advice}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn a_token_that_is_refused_comes_before_the_advice_of_the_command() {
        let refused = ClientError::Refused {
            status: 401,
            code: ErrorCode::Unauthorized,
            message: "the API token is not known here".to_owned(),
            details: None,
        };
        let error = Err::<(), _>(refused).or_next("roost apps list").unwrap_err();
        let text = Explained(&error).to_string();
        assert!(text.contains("ROOST_API_TOKEN") && !text.contains("roost apps list"), "{text}");
    }

    #[test]
    fn advice_comes_last_and_causes_are_not_repeated() {
        let cause: anyhow::Result<()> = Err(anyhow::anyhow!("connection refused"));
        let error = cause.or_next("roost server").context("cannot reach the API").unwrap_err();
        assert_eq!(
            Explained(&error).to_string(),
            "cannot reach the API: connection refused\n  next: roost server"
        );
    }
}
