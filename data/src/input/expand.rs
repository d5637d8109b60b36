//! From what the operator wrote (a file, several, a glob, a folder) to the list of files, in an order that
//! is the same on every machine.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::InputError;

/// The name that means standard input.
pub(super) const STANDARD_INPUT: &str = "-";

const SUFFIXES: [&str; 3] = [".csv", ".csv.gz", ".csv.zst"];

/// Resolves files, globs and folders to files.
///
/// A path that exists is taken as it is, even when it holds `*` or `[`. A folder gives its `.csv`, `.csv.gz`
/// and `.csv.zst` files, sorted by name, hidden ones left out, without its sub-folders; a glob gives its
/// matches, sorted. The order of the arguments is kept, and a file that is named twice is read once.
///
/// # Errors
/// A glob or folder without a file, a malformed glob, standard input named twice, a folder that cannot be
/// listed. A plain file that does not exist is found out by [`Source::open`](super::Source::open).
pub fn expand(paths: &[PathBuf]) -> Result<Vec<PathBuf>, InputError> {
    let mut files = Vec::new();
    for path in paths {
        if path.as_os_str() == STANDARD_INPUT {
            if files.iter().any(|f: &PathBuf| f.as_os_str() == STANDARD_INPUT) {
                return Err(InputError::StandardInputTwice);
            }
            files.push(path.clone());
        } else if path.is_dir() {
            files.extend(folder(path)?);
        } else if !path.exists() && is_pattern(path) {
            files.extend(matches(path)?);
        } else {
            files.push(path.clone());
        }
    }
    if files.is_empty() {
        return Err(InputError::NoFiles { found: "people".into() });
    }
    let mut seen = HashSet::new();
    files.retain(|file| seen.insert(fs::canonicalize(file).unwrap_or_else(|_| file.clone())));
    Ok(files)
}

fn is_pattern(path: &Path) -> bool {
    path.to_str().is_some_and(|p| p.contains(['*', '?', '[']))
}

fn folder(path: &Path) -> Result<Vec<PathBuf>, InputError> {
    let open = |source| InputError::Open { path: path.to_owned(), source };
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(open)? {
        let file = entry.map_err(open)?.path();
        let name = file.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
        let wanted = !name.starts_with('.') && SUFFIXES.iter().any(|suffix| name.ends_with(suffix));
        // A folder called `old.csv` is no input; a pipe called so is refused when it is opened.
        if wanted && !file.is_dir() {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() { Err(InputError::NoFiles { found: path.display().to_string() }) } else { Ok(files) }
}

fn matches(path: &Path) -> Result<Vec<PathBuf>, InputError> {
    let pattern = path.to_string_lossy();
    let found = glob::glob(&pattern).map_err(|e| InputError::Pattern {
        pattern: pattern.to_string(),
        reason: e.msg,
        at: e.pos,
    })?;
    let mut files = Vec::new();
    for file in found {
        let file = file.map_err(|e| InputError::Open { path: e.path().to_owned(), source: e.into() })?;
        if !file.is_dir() {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() { Err(InputError::NoFiles { found: pattern.into_owned() }) } else { Ok(files) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(files: &[PathBuf]) -> Vec<String> {
        files.iter().map(|f| f.file_name().unwrap().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_folder_gives_its_csv_files_sorted_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b.csv", "a.CSV.gz", "c.csv.zst", "c.csv.bz2", ".hidden.csv", "readme.txt", "csv"] {
            fs::write(dir.path().join(name), "x").unwrap();
        }
        fs::create_dir(dir.path().join("old.csv")).unwrap();
        let files = expand(&[dir.path().to_owned()]).unwrap();
        assert_eq!(names(&files), ["a.CSV.gz", "b.csv", "c.csv.zst"]);
    }

    #[test]
    fn a_glob_is_sorted_and_a_file_named_twice_is_read_once() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["2.csv", "1.csv", "1.txt"] {
            fs::write(dir.path().join(name), "x").unwrap();
        }
        let files = expand(&[dir.path().join("*.csv"), dir.path().join("./1.csv")]).unwrap();
        assert_eq!(names(&files), ["1.csv", "2.csv"]);
    }

    #[test]
    fn a_file_whose_name_looks_like_a_glob_is_taken_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let odd = dir.path().join("people[1].csv");
        fs::write(&odd, "x").unwrap();
        fs::write(dir.path().join("people1.csv"), "x").unwrap();
        assert_eq!(expand(std::slice::from_ref(&odd)).unwrap(), [odd]);
    }

    #[test]
    fn nothing_found_and_standard_input_twice_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(expand(&[dir.path().to_owned()]), Err(InputError::NoFiles { .. })));
        assert!(matches!(expand(&[dir.path().join("*.csv")]), Err(InputError::NoFiles { .. })));
        assert!(matches!(expand(&[dir.path().join("[.csv")]), Err(InputError::Pattern { .. })));
        assert!(matches!(expand(&["-".into(), "-".into()]), Err(InputError::StandardInputTwice)));
        assert_eq!(expand(&["-".into()]).unwrap(), [PathBuf::from("-")]);
    }
}
