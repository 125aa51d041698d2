//! What is left of a plan once stacks have said which cells they do not measure.

use super::plan;
use crate::drive::{Registry, Unfit};
use crate::load::CellConfig;

/// The cells of lists.
#[derive(Debug, Default)]
pub(crate) struct Planned {
    pub(crate) cells: Vec<CellConfig>,
    /// Why cells are left out that stacks cannot measure, each reason once.
    pub(crate) left_out: Vec<String>,
}

impl Planned {
    /// Those of `cells` that their stacks measure.
    pub(super) fn of(cells: Vec<CellConfig>, registry: &Registry) -> Result<Self, String> {
        let mut planned = Self::default();
        for cell in cells {
            match unfit(&cell, registry) {
                Some(Unfit::LeftOut(why)) => {
                    let why = format!("left out: {why}");
                    if !planned.left_out.contains(&why) {
                        planned.left_out.push(why);
                    }
                }
                _ => {
                    plan::measurable(&cell, registry)?;
                    planned.cells.push(cell);
                }
            }
        }
        Ok(planned)
    }

    /// The same, unless there is nothing in it.
    ///
    /// # Errors
    ///
    /// A text for the user: why nothing is left.
    pub(crate) fn not_empty(self) -> Result<Self, String> {
        match self.cells.is_empty() {
            true => Err(format!("nothing is left to measure; {}", self.left_out.join("; "))),
            false => Ok(self),
        }
    }
}

/// Why its stack does not measure `cell`, if so.
pub(super) fn unfit(cell: &CellConfig, registry: &Registry) -> Option<Unfit> {
    registry.stack(&cell.stack).and_then(|stack| stack.unfit(cell))
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use listenrain::{BoxFuture, Endpoint};

    use super::*;
    use crate::cli::{Cli, Command};
    use crate::drive::{Load, Serving, Setting, Stack, StackError};
    use crate::load::{ProtocolChoice, RuntimeChoice};

    /// A stack that has one thread and one transport.
    #[derive(Debug)]
    struct Peer;

    impl Stack for Peer {
        fn name(&self) -> &'static str {
            "peer"
        }

        fn protocols(&self) -> &'static [ProtocolChoice] {
            &[ProtocolChoice::Own]
        }

        fn unfit(&self, cell: &CellConfig) -> Option<Unfit> {
            match (&*cell.transport, cell.runtime) {
                ("tcp", RuntimeChoice::Current) => None,
                ("tcp", several) => Some(Unfit::LeftOut(format!("no peer on {several}"))),
                (other, _) => Some(Unfit::Refused(format!("no peer over {other}"))),
            }
        }

        fn start(&self, _: Setting) -> BoxFuture<'_, Result<Box<dyn Load>, StackError>> {
            unreachable!("it is only planned")
        }

        fn serve<'a>(
            &'a self,
            _: Serving,
            _: Box<dyn FnOnce(&Endpoint) + Send + 'a>,
        ) -> BoxFuture<'a, Result<(), StackError>> {
            unreachable!("it is only planned")
        }
    }

    fn registry() -> Registry {
        Registry::standard().with_peer(Peer)
    }

    fn planned(line: &str) -> Result<Planned, String> {
        let words = ["bench-cli", "run"].into_iter().chain(line.split_whitespace());
        let Some(Command::Run(args)) = Cli::try_parse_from(words).unwrap().command else { panic!("{line}") };
        plan::cells(&args.cells, None, None, &registry())
    }

    #[test]
    fn what_a_stack_cannot_measure_is_left_out_with_its_reason_or_refused() {
        let line = "--stack bare,peer --runtime current,multi:2 --parallel 1,16 --protocol native";
        let found = planned(line).unwrap();
        assert_eq!((found.cells.len(), found.left_out.len()), (6, 1), "{:?}", found.left_out);
        assert!(
            found.cells.iter().all(|cell| cell.stack == "bare" || cell.runtime == RuntimeChoice::Current)
        );
        assert!(found.cells.iter().any(|cell| cell.protocol == ProtocolChoice::Own));
        let nothing = planned("--stack peer --runtime multi:2").unwrap().not_empty().unwrap_err();
        assert_eq!(nothing, "nothing is left to measure; left out: no peer on multi:2");
        assert_eq!(planned("--stack bare,peer --transport unix").unwrap_err(), "no peer over unix");
    }
}
