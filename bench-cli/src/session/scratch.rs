//! The folder for temporary files of the cells of one run: sockets and pipes. It goes with the run; that of a run that was
//! killed is swept away when the next one starts.
//!
//! Its run keeps it locked, and the system frees the lock however the run ends, in whichever container it was.

use std::path::{Path, PathBuf};

/// Names of such folders begin so, and no other's do.
#[cfg(unix)]
const PREFIX: &str = ".bench-cli-scratch-";
/// Below a folder whose path is longer a socket's path, of 107 bytes at most, does not fit.
#[cfg(unix)]
const LONGEST: usize = 36;

/// A folder of this run alone. Dropped, it is removed with all that is in it.
#[derive(Debug)]
pub(crate) struct Scratch {
    folder: PathBuf,
    #[cfg(unix)]
    _locked: nix::fcntl::Flock<std::fs::File>,
}

impl Scratch {
    /// Sweeps away those of dead runs, and makes one; none where that cannot be, and then the system's folder has to do.
    #[cfg(unix)]
    pub(crate) fn make() -> Option<Self> {
        let usual = std::env::temp_dir();
        let fits = usual.is_absolute() && usual.as_os_str().len() <= LONGEST;
        Self::make_below(if fits { &usual } else { Path::new("/tmp") })
    }

    #[cfg(not(unix))]
    pub(crate) fn make() -> Option<Self> {
        None
    }

    #[cfg(unix)]
    fn make_below(root: &Path) -> Option<Self> {
        sweep(root);
        // A sweeper may have been quicker than the lock: then another is made.
        (0..8).find_map(|_| {
            let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(root).ok()?.keep();
            let locked = locked(&folder)?;
            folder.is_dir().then_some(Self { folder, _locked: locked })
        })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Removes the folders of this user's runs that no run keeps locked.
#[cfg(unix)]
fn sweep(root: &Path) {
    use std::os::unix::fs::MetadataExt;
    let own = nix::unistd::Uid::effective().as_raw();
    for entry in std::fs::read_dir(root).into_iter().flatten().flatten() {
        let is_named = entry.file_name().to_string_lossy().starts_with(PREFIX);
        // Not those that a link leads to.
        let is_own = is_named && entry.metadata().is_ok_and(|there| there.is_dir() && there.uid() == own);
        if is_own && let Some(_locked) = locked(&entry.path()) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// None where somebody else has it locked.
#[cfg(unix)]
fn locked(folder: &Path) -> Option<nix::fcntl::Flock<std::fs::File>> {
    let open = std::fs::File::open(folder).ok()?;
    nix::fcntl::Flock::lock(open, nix::fcntl::FlockArg::LockExclusiveNonblock).ok()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn folders_of_dead_runs_are_swept_and_no_other() {
        let root = tempfile::tempdir().unwrap();
        let living = Scratch::make_below(root.path()).unwrap();
        let dead = root.path().join(".bench-cli-scratch-dead");
        std::fs::create_dir(&dead).unwrap();
        std::fs::write(dead.join("x.sock"), "").unwrap();
        let others = ["other", ".bench-cli-scratch-file"].map(|name| root.path().join(name));
        std::fs::create_dir(&others[0]).unwrap();
        std::fs::write(&others[1], "").unwrap();
        std::os::unix::fs::symlink("other", root.path().join(".bench-cli-scratch-link")).unwrap();
        let next = Scratch::make_below(root.path()).unwrap();
        assert!(!dead.exists());
        assert!(living.folder().is_dir() && next.folder() != living.folder());
        assert!(others.iter().all(|other| other.exists()));
        let folder = next.folder().to_owned();
        drop(next);
        assert!(!folder.exists());
    }
}
