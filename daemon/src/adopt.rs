//! At the start: can the generation that is served already be kept without loading?
//!
//! Yes, when what it was made from is what would be loaded now. Its own segment says so: the digest of the
//! configuration in the header, the identity of every input in the metadata. Where only a file's identity
//! (device, inode, size, time) differs, its contents are digested; a copied or touched file is still the same
//! data. While announcements are held, the served generation is kept whatever the files say: a hold that a
//! restart could break would not be one.

use std::path::PathBuf;

use persondb_data::input::{Identity, InputSpec, Source, expand};
use persondb_data::segment::{InputRecord, Segment};

use crate::config::Config;
use crate::report::chain;

/// What to do with a served generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Keep it; the text says why it may be.
    Adopt(&'static str),
    /// Load; the text says what differs.
    Load(String),
}

/// Compares what a generation was made from with what would be loaded now.
///
/// Cheap when nothing changed (one `stat` an input); reads every input whose identity changed.
pub fn decide<B: AsRef<[u8]>>(config: &Config, segment: &Segment<B>) -> Decision {
    if segment.header().config_digest != config.digest() {
        return Decision::Load("the configuration changed".into());
    }
    let paths = match input_paths(&config.input) {
        Ok(paths) => paths,
        Err(reason) => return Decision::Load(reason),
    };
    let inputs = &segment.meta().inputs;
    if inputs.len() != paths.len() {
        return Decision::Load(format!(
            "it was made from {} files, now there are {}",
            inputs.len(),
            paths.len()
        ));
    }
    let mut read = false;
    for (path, input) in paths.iter().zip(inputs) {
        let now = match Identity::of(path) {
            Ok(now) => now,
            Err(error) => return Decision::Load(chain(&error)),
        };
        if is_same_file(&now, input) {
            continue;
        }
        if now.size != input.size {
            return Decision::Load(format!("{} has another size", path.display()));
        }
        read = true;
        let digest = Source::open(path, &config.input.limits).and_then(|source| source.digest());
        match digest {
            Ok(digest) if digest.to_string() == input.digest => {}
            Ok(_) => return Decision::Load(format!("{} has other contents", path.display())),
            Err(error) => return Decision::Load(chain(&error)),
        }
    }
    Decision::Adopt(if read {
        "the contents of all inputs are unchanged"
    } else {
        "all inputs are unchanged"
    })
}

/// All files in the order in which the build records them: people, aliases, domains.
fn input_paths(spec: &InputSpec) -> Result<Vec<PathBuf>, String> {
    let mut paths = expand(&spec.people).map_err(|error| chain(&error))?;
    paths.extend(spec.aliases.clone());
    paths.extend(spec.domains.clone());
    Ok(paths)
}

fn is_same_file(now: &Identity, input: &InputRecord) -> bool {
    (now.device, now.inode, now.size, now.mtime_ns) == (input.device, input.inode, input.size, input.mtime_ns)
}
