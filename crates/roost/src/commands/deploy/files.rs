//! `[[files]]` with a `local_path`: their content goes along with the configuration.

use std::fs;

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use crate::{app_file::AppFile, failure::OrNext as _};

/// Largest file; machine configurations travel with every change of a machine.
const MAX_BYTES: u64 = 1 << 20;

/// Replaces paths on this box by what is in them.
pub fn inline(file: &mut AppFile) -> anyhow::Result<()> {
    let folder = file.folder().to_owned();
    for section in &mut file.config.files {
        let Some(path) = section.local_path.take() else { continue };
        let path = folder.join(path);
        let readable = || format!("cannot read {}, which [[files]] names", path.display());
        let bytes = fs::metadata(&path).with_context(readable)?.len();
        if bytes > MAX_BYTES {
            return Err(anyhow::anyhow!("{} has {bytes} bytes; a file may have {MAX_BYTES}", path.display()))
                .or_next("put it into the image");
        }
        section.raw_value = Some(BASE64.encode(fs::read(&path).with_context(readable)?));
    }
    Ok(())
}
