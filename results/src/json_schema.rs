//! The JSON Schema of the run file, for readers in other languages.

use schemars::schema_for;

use crate::schema::Run;

/// What a run file may hold, as JSON Schema (draft 2020-12), with a line feed at its end. Published as
/// `schema/run-2.schema.json`.
///
/// Runs of schema 1 are valid by it too: schema 2 added fields and let percentiles be absent, and took nothing away.
/// Fields that it does not name are allowed, as a newer version may add some.
#[must_use]
pub fn json_schema() -> String {
    let schema = schema_for!(Run);
    // A schema is JSON: there is nothing in it that cannot be written.
    serde_json::to_string_pretty(&schema).unwrap_or_default() + "\n"
}
