//! listenrain-results
