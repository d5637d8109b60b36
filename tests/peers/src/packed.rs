//! How small the CSV gets when nobody has to find anything in it.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, Result};
use zstd::stream::write::Encoder;

/// Bytes of the file as `zstd -19` writes it, on one thread.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn zstd_size(path: &Path) -> Result<u64> {
    let cannot = || format!("{} cannot be compressed", path.display());
    let mut file = File::open(path).with_context(cannot)?;
    let mut encoder = Encoder::new(Counted(0), 19)?;
    // The program knows the size before, which decides on its tables, and adds a checksum.
    encoder.set_pledged_src_size(Some(file.metadata()?.len()))?;
    encoder.include_checksum(true)?;
    io::copy(&mut file, &mut encoder).with_context(cannot)?;
    Ok(encoder.finish().with_context(cannot)?.0)
}

/// Counts what it throws away.
struct Counted(u64);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::tests::alone;

    #[test]
    fn the_size_is_that_of_all_of_the_file_compressed() {
        let _alone = alone();
        let folder = tempfile::tempdir().unwrap();
        let size = |bytes: &[u8]| {
            let path = folder.path().join("people.csv");
            std::fs::write(&path, bytes).unwrap();
            zstd_size(&path).unwrap()
        };
        let mut random = fastrand::Rng::with_seed(1);
        let noise: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(1 << 20).collect();
        assert!((1 << 20..(1 << 20) + 200).contains(&size(&noise)), "noise stays as it is");
        assert!(size(&[noise.as_slice(), &noise].concat()) < (1 << 20) + 2000, "what is repeated does not");
        assert!(zstd_size(&folder.path().join("nowhere.csv")).is_err());
    }
}
