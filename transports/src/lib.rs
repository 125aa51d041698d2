//! listenrain-transports
