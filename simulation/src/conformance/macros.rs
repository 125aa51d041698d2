//! `conformance!`: a transport's cases as tests.
//!
//! A macro cannot read the list of cases, so their names stand here once more; a test compares the two.

/// A module of tests, one for each case of the [kit](mod@crate::conformance), for one transport; and a module below it for
/// each [hardship](crate::hardship), with the cases that run under hardships.
///
/// The first argument names the module, and the transport in reports. The second is a transport, or a
/// [`Subject`](crate::conformance::Subject) with what single cases need; it is evaluated anew for each test. A module that
/// is named like a transport of `listenrain-transports`, such as `tcp`, also gets the cases of group I for that one.
///
/// ```
/// # fn main() {}
/// use listenrain_transports::Tcp;
///
/// listenrain_simulation::conformance!(tcp, Tcp::default());
/// ```
///
/// A case that is skipped counts as passed, since a harness has no other word for it, and says why on standard error, past
/// the harness. Cases that count what the process holds start the test program again for themselves; for memory to be
/// counted it needs [`Counted`](crate::gauge::Counted) as its allocator.
#[macro_export]
macro_rules! conformance {
    ($name:ident, $subject:expr) => {
        #[cfg(test)]
        mod $name {
            #[allow(unused_imports, reason = "the subject may need nothing of it")]
            use super::*;

            fn __subject() -> $crate::conformance::Subject {
                $crate::conformance::Subject::from($subject)
            }

            $crate::__conformance_everywhere! { tests $name, ::std::option::Option::None; }
            $crate::__conformance_plain_only! { tests $name, ::std::option::Option::None; }
            $crate::__conformance_about! { $name, tests $name, ::std::option::Option::None; }
            $crate::__conformance_under! { $name, one_byte_reads, OneByteReads }
            $crate::__conformance_under! { $name, short_writes, ShortWrites }
            $crate::__conformance_under! { $name, coalesced_writes, CoalescedWrites }
            $crate::__conformance_under! { $name, pending_storms, PendingStorms }
        }
    };
}

/// The cases that run under hardships too.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_everywhere {
    ($($callback:tt)*) => {
        $crate::__conformance_each! { $($callback)*
            a01_connect_accept a02_dial_refused a04_dial_cancel a05_dial_before_listen a06_accept_cancel
            a07_listener_close a08_duplicate_listen a09_rebind_after_close a10_ephemeral_addr
            a11_accept_backlog_burst a12_front_of_line a13_generator_next_sequence a14_generator_ha
            a15_bad_address
            b01_basic_io_1mib b02_ping_pong_1000 b03_byte_at_a_time b04_boundary_free b05_full_duplex_bulk
            b07_zero_len b08_vectored_write b09_flush_semantics b10_no_crosstalk b11_random_io_sizes
            c01_close_implies_flush c02_read_after_write_shutdown c03_eof_sticky c04_write_after_peer_close
            c05_write_after_local_shutdown c06_local_close_unblocks c07_abort_is_reset c08_drop_with_unread
            c09_data_before_fin_delivered c10_double_close c11_truncation_detect c12_is_active_transitions
            c13_linger_close
            d01_read_cancel_safe d02_write_cancel_semantics d03_read_timeout_independent
            d04_write_timeout_independent d05_deadlines d07_split_halves d08_concurrent_methods
            d09_send_static_bounds
            e01_backpressure_bounded e02_backpressure_release e03_slow_reader_isolation e04_stress
            e07_left_open_then_close e08_more_than_limit
            f01_empty_packet f02_packet_of_one f03_packet_just_below_limit f04_packet_at_limit f05_packet_beyond_limit
            f06_header_split_over_reads f07_two_packets_in_one_read f08_packet_and_a_half f09_garbage_prefix
            f10_unknown_kind f11_slow_loris_header f12_header_then_end f13_session_byte_by_byte f14_packet_round_trip
            g01_ids_match g02_out_of_order_replies g03_duplicate_reply g04_late_reply g05_unknown_id g06_cancel
            g07_timeout_order g08_server_never_answers g09_handler_panic g10_connection_lost g11_reconnect g12_resend
            g13_no_resend
            h01_reconnect_after_reset h02_reconnect_after_end h06_failover_to_standby
            h11_failover_accounting
        }
    };
}

/// The cases that do not.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_plain_only {
    ($($callback:tt)*) => {
        $crate::__conformance_each! { $($callback)*
            a03_dial_timeout a16_facts_of_pairs a17_stalled_peers a18_foreign_bytes a19_accepted_end_speaks_first
            b06_large_64mib_single_write b12_volume_on_every_channel
            d06_waker_swap d10_many_small_reads
            e05_open_close_10k e06_leak_accounting
            f15_claimed_length_costs_nothing f16_deadline_is_told
            h03_reconnect_after_silence h04_backoff_bounds h05_storm_limit h07_standby_dead_too
            h08_active_returns h09_flapping h10_pool_evicts
        }
    };
}

/// The cases about one transport only.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_about {
    (channel, $($callback:tt)*) => {
        $crate::__conformance_each! { $($callback)* i15_busy_ends_share }
    };
    (fifo, $($callback:tt)*) => {
        $crate::__conformance_each! { $($callback)*
            i05_opening_never_blocks i06_writer_disappears i07_writes_are_not_atomic i08_forged_requests
            i09_nothing_is_left
        }
    };
    (ha, $($callback:tt)*) => {
        $crate::__conformance_each! { $($callback)* i19_members_order }
    };
    (quic, $($callback:tt)*) => {
        $crate::__conformance_each! { $($callback)*
            i11_wrong_certificate i16_lanes_are_apart i17_lanes_are_bounded i18_idle_timeout i20_no_early_data
        }
    };
    (sctp, $($callback:tt)*) => {
        $crate::__conformance_each! { $($callback)* i16_lanes_are_apart i17_lanes_are_bounded }
    };
    (tcp, $($callback:tt)*) => {
        $crate::__conformance_each! { $($callback)* i12_nodelay i13_keepalive i14_reuse_address }
    };
    (tls, $($callback:tt)*) => {
        $crate::__conformance_each! { $($callback)* i10_truncation i11_wrong_certificate }
    };
    (unix, $($callback:tt)*) => {
        $crate::__conformance_each! { $($callback)*
            i01_stale_path i02_permissions i03_path_length i04_abstract_name
        }
    };
    ($other:ident, $($callback:tt)*) => {
        $crate::__conformance_each! { $($callback)* }
    };
}

/// The cases of one hardship, in a module of its own.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_under {
    ($name:ident, $module:ident, $hardship:ident) => {
        mod $module {
            use super::__subject;

            $crate::__conformance_everywhere! {
                tests $name, ::std::option::Option::Some($crate::hardship::Hardship::$hardship);
            }
        }
    };
}

/// Cases as tests, or as a list of names.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_each {
    (tests $name:ident, $hardship:expr; $($test:ident)*) => {
        $(
            #[test]
            fn $test() {
                let path = ::std::concat!(::std::module_path!(), "::", ::std::stringify!($test));
                $crate::conformance::testing::check(::std::stringify!($name), path, __subject, $hardship);
            }
        )*
    };
    (names; $($test:ident)*) => {{
        let names: &[&str] = &[$(::std::stringify!($test)),*];
        names
    }};
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::conformance::{Case, cases};
    use crate::hardship::Hardship;

    fn registered(filter: impl FnMut(&&Case) -> bool) -> BTreeSet<String> {
        cases().filter(filter).map(Case::test_name).collect()
    }

    fn listed(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_macro_makes_a_test_of_every_case_and_of_nothing_else() {
        // Broken by a case that is added to the registry only: it would never run in anybody's tests.
        let everywhere = __conformance_everywhere! { names; };
        assert_eq!(listed(everywhere), registered(|case| case.under_hardships));
        let plain_only = __conformance_plain_only! { names; };
        assert_eq!(listed(plain_only), registered(|case| !case.under_hardships && case.only.is_empty()));
        for (scheme, about) in about() {
            assert_eq!(listed(about), registered(|case| case.only.contains(&scheme)), "{scheme}");
        }
    }

    /// Each transport that cases are about, and those cases as the macro lists them.
    fn about() -> Vec<(&'static str, &'static [&'static str])> {
        let listed = vec![
            ("channel", __conformance_about! { channel, names; }),
            #[cfg(unix)]
            ("fifo", __conformance_about! { fifo, names; }),
            ("ha", __conformance_about! { ha, names; }),
            ("quic", __conformance_about! { quic, names; }),
            ("sctp", __conformance_about! { sctp, names; }),
            ("tcp", __conformance_about! { tcp, names; }),
            ("tls", __conformance_about! { tls, names; }),
            #[cfg(unix)]
            ("unix", __conformance_about! { unix, names; }),
            ("a user's", __conformance_about! { mine, names; }),
        ];
        let schemes: BTreeSet<_> = cases().flat_map(|case| case.only).collect();
        assert!(schemes.iter().all(|scheme| listed.iter().any(|(known, _)| known == *scheme)), "{schemes:?}");
        listed
    }

    #[test]
    fn the_macro_knows_every_hardship() {
        let text = include_str!("macros.rs");
        for hardship in Hardship::ALL {
            assert!(
                text.contains(&format!("{}, {hardship:?} }}", hardship.name().replace('-', "_"))),
                "{hardship}"
            );
        }
    }
}
