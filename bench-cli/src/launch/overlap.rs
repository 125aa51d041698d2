//! Pin overlap: whether both ends share processors, or threads of one core, although they are to be apart.

use crate::load::{CellConfig, Placement};
use crate::machine::processors;
use crate::machine::root::Root;

/// What to say where the ends of a cell are to be apart and are not.
pub(super) fn warning(config: &CellConfig, root: &Root) -> Option<String> {
    let (server, client) = (&config.pins.server, &config.pins.client);
    if config.placement != Placement::Split {
        return None;
    }
    let free = match (server.is_empty(), client.is_empty()) {
        (true, true) => return None,
        (true, false) => Some("server"),
        (false, true) => Some("client"),
        (false, false) => None,
    };
    if let Some(free) = free {
        return Some(format!(
            "--pin keeps only one end to processors: the {free} may run on them too; pin both"
        ));
    }
    let both: Vec<usize> = server.iter().filter(|core| client.contains(core)).copied().collect();
    if !both.is_empty() {
        return Some(format!(
            "--pin {}: both ends may run on processor {}, and take turns there",
            config.pins,
            list(&both)
        ));
    }
    let (own, other) = server.iter().find_map(|own| {
        let siblings = processors::siblings(root, *own);
        siblings.into_iter().find(|sibling| client.contains(sibling)).map(|sibling| (*own, sibling))
    })?;
    Some(format!(
        "--pin {}: processors {own} and {other} are two threads of one core: each end slows the other down",
        config.pins
    ))
}

fn list(cores: &[usize]) -> String {
    cores.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four processors, of which 0 and 2, and 1 and 3, are one core each.
    fn two_cores() -> (tempfile::TempDir, Root) {
        let folder = tempfile::tempdir().unwrap();
        for (core, list) in [(0, "0,2"), (1, "1,3"), (2, "0,2"), (3, "1,3")] {
            let topology = folder.path().join(format!("sys/devices/system/cpu/cpu{core}/topology"));
            std::fs::create_dir_all(&topology).unwrap();
            std::fs::write(topology.join("thread_siblings_list"), format!("{list}\n")).unwrap();
        }
        let root = Root::at(folder.path());
        (folder, root)
    }

    #[test]
    fn defect_15_ends_that_share_a_processor_or_a_core_are_told() {
        let (_folder, root) = two_cores();
        for (placement, pins, said) in [
            (Placement::Split, "server=0+1,client=1+3", Some("both ends may run on processor 1,")),
            (Placement::Split, "server=0,client=2", Some("processors 0 and 2 are two threads of one core")),
            (Placement::Split, "server=1,client=0+3", Some("processors 1 and 3 are two threads")),
            (Placement::Split, "server=0", Some("the client may run on them too")),
            (Placement::Split, "client=0", Some("the server may run on them too")),
            (Placement::Split, "server=0,client=1", None),
            (Placement::Split, "server=0+2,client=1+3", None),
            (Placement::Same, "client=1", None),
        ] {
            let config = CellConfig { placement, pins: pins.parse().unwrap(), ..CellConfig::default() };
            let warning = warning(&config, &root);
            match said {
                Some(said) => {
                    assert!(warning.as_ref().is_some_and(|text| text.contains(said)), "{pins}: {warning:?}")
                }
                None => assert_eq!(warning, None, "{pins}"),
            }
        }
        let free = CellConfig { placement: Placement::Split, ..CellConfig::default() };
        assert_eq!(warning(&free, &root), None);
        // Where the kernel tells nothing, overlapping is seen all the same.
        let blind = CellConfig { pins: "server=0,client=0".parse().unwrap(), ..free };
        assert!(warning(&blind, &Root::at(std::path::Path::new("/nowhere"))).is_some());
    }
}
