//! Why a network operation failed.

use std::io;

#[derive(Debug, thiserror::Error)]
pub enum NetError {
    #[error("{what} failed")]
    Io { what: String, source: io::Error },
    #[error("{what} failed")]
    Netlink { what: String, source: rtnetlink::Error },
    /// nft's own words, which name the line.
    #[error("nft refused the rules: {stderr}")]
    Nft { stderr: String },
    #[error("nft is not installed; apt-get install nftables")]
    NftMissing,
    #[error("invalid network setting {key}: {reason}")]
    Config { key: &'static str, reason: String },
}

pub(crate) trait Context<T> {
    fn context(self, what: impl Into<String>) -> Result<T, NetError>;
}

impl<T> Context<T> for Result<T, io::Error> {
    fn context(self, what: impl Into<String>) -> Result<T, NetError> {
        self.map_err(|source| NetError::Io { what: what.into(), source })
    }
}

impl<T> Context<T> for Result<T, rtnetlink::Error> {
    fn context(self, what: impl Into<String>) -> Result<T, NetError> {
        self.map_err(|source| NetError::Netlink { what: what.into(), source })
    }
}
