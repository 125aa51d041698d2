//! listenrain-simulation
