//! Files that the machine's configuration brings.

use base64::{Engine, prelude::BASE64_STANDARD};
use roost_guest_api::GuestFile;

use super::rooted::Rooted;
use crate::{Context, Result};

pub fn inject(root: &Rooted, files: &[GuestFile]) -> Result<()> {
    for file in files {
        let content = BASE64_STANDARD
            .decode(&file.content)
            .context(|| format!("decode the content of {}", file.path))?;
        root.write(&file.path, &content, file.mode)?;
    }
    Ok(())
}
