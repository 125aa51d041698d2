//! `conformance!`: a transport's cases as tests.
//!
//! A macro cannot read the list of cases, so their names stand here once more; a test compares the two.

/// A module of tests, one for each case of the [kit](mod@crate::conformance), for one transport; and a test below it for
/// each [hardship](crate::faults) that changes something on the way of the case's bytes.
///
/// The first argument names the module, and the transport in reports. The second is a transport, or a
/// [`Subject`](crate::conformance::Subject) with what single cases need; it is evaluated anew for each test. A module that
/// is named like a transport of `listenrain-transports`, such as `tcp`, also gets the cases for that one alone: of packet
/// codecs for `channel`, of calls for `tcp`, and those of group I.
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
/// counted it needs [`AllocationCounter`](crate::allocations::AllocationCounter) as its allocator.
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

            $crate::__conformance_everywhere! { tests $name; }
            $crate::__conformance_about! { $name, tests $name; }
        }
    };
}

/// The cases about every transport, each with the hardships under which it runs again.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_everywhere {
    ($($callback:tt)*) => {
        $crate::__conformance_each! { $($callback)*
            a01_connect_accept a02_dial_refused a03_dial_timeout a04_dial_cancel [pending_storms]
            a05_dial_before_listen a06_accept_cancel [pending_storms] a07_listener_close a08_duplicate_listen
            a09_rebind_after_close a10_ephemeral_addr a11_accept_backlog_burst [pending_storms]
            a12_front_of_line [pending_storms] a13_generator_next_sequence [pending_storms] a15_bad_address
            a16_facts_of_pairs a17_stalled_peers a18_foreign_bytes a19_accepted_end_speaks_first
            b01_basic_io_1mib [coalesced_writes short_writes]
            b02_ping_pong_1000 [coalesced_writes pending_storms] b03_byte_at_a_time [coalesced_writes]
            b04_boundary_free [coalesced_writes short_writes]
            b05_full_duplex_bulk [pending_storms short_writes] b06_large_64mib_single_write b07_zero_len
            b08_vectored_write [short_writes] b09_flush_semantics [coalesced_writes]
            b10_no_crosstalk [pending_storms]
            b11_random_io_sizes [coalesced_writes pending_storms short_writes] b12_volume_on_every_channel
            c01_close_implies_flush [coalesced_writes short_writes]
            c02_read_after_write_shutdown [pending_storms] c03_eof_sticky [pending_storms]
            c04_write_after_peer_close c05_write_after_local_shutdown
            c06_local_close_unblocks [pending_storms] c07_abort_is_reset [pending_storms]
            c08_drop_with_unread c09_data_before_fin_delivered [coalesced_writes pending_storms]
            c10_double_close c11_truncation_detect [short_writes] c12_is_active_transitions
            c13_linger_close [coalesced_writes] d01_read_cancel_safe [pending_storms]
            d02_write_cancel_semantics [short_writes] d03_read_timeout_independent
            d04_write_timeout_independent d05_deadlines d06_waker_swap d07_split_halves [pending_storms]
            d08_concurrent_methods [pending_storms short_writes] d09_send_static_bounds d10_many_small_reads
            e01_backpressure_bounded [short_writes] e02_backpressure_release [short_writes]
            e03_slow_reader_isolation e04_stress [coalesced_writes pending_storms short_writes]
            e05_open_close_10k e06_leak_accounting e07_left_open_then_close
            e08_more_than_limit [pending_storms] f04_packet_at_limit [short_writes]
            g10_connection_lost [short_writes pending_storms] g11_reconnect
        }
    };
}

/// The cases about one transport only.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_about {
    (channel, $($callback:tt)*) => {
        $crate::__conformance_each! { $($callback)*
            f01_empty_packet f02_packet_of_one f03_packet_just_below_limit f05_packet_beyond_limit
            f06_header_split_over_reads f07_two_packets_in_one_read f08_packet_and_a_half f09_garbage_prefix
            f10_unknown_kind
            f14_packet_round_trip [coalesced_writes one_byte_reads pending_storms short_writes]
            f15_claimed_length_costs_nothing i15_busy_ends_share
        }
    };
    (quic, $($callback:tt)*) => {
        $crate::__conformance_each! { $($callback)*
            i16_lanes_are_apart i20_no_early_data
        }
    };
    (sctp, $($callback:tt)*) => {
        $crate::__conformance_each! { $($callback)*
            i16_lanes_are_apart
        }
    };
    (tcp, $($callback:tt)*) => {
        $crate::__conformance_each! { $($callback)*
            g01_ids_match [one_byte_reads pending_storms] g02_out_of_order_replies h04_backoff_bounds
            h05_storm_limit
        }
    };
    ($other:ident, $($callback:tt)*) => {
        $crate::__conformance_each! { $($callback)* }
    };
}

/// Cases as tests, or as a list of names.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_each {
    (tests $name:ident; $($case:ident $([$($hardship:ident)*])?)*) => {
        $(
            #[test]
            fn $case() {
                let test = ::std::concat!(::std::module_path!(), "::", ::std::stringify!($case));
                let case = ::std::stringify!($case);
                $crate::conformance::testing::check(::std::stringify!($name), test, case, "none", __subject);
            }

            $(
                mod $case {
                    $(
                        #[test]
                        fn $hardship() {
                            $crate::conformance::testing::check(
                                ::std::stringify!($name),
                                ::std::concat!(::std::module_path!(), "::", ::std::stringify!($hardship)),
                                ::std::stringify!($case),
                                ::std::stringify!($hardship),
                                super::__subject,
                            );
                        }
                    )*
                }
            )?
        )*
    };
    (names; $($case:ident $([$($hardship:ident)*])?)*) => {{
        let names: &[(&str, &[&str])] =
            &[$((::std::stringify!($case), &[$($(::std::stringify!($hardship)),*)?])),*];
        names
    }};
}

#[cfg(test)]
mod tests {
    use crate::conformance::{Case, cases};

    type Listed = Vec<(String, Vec<String>)>;

    fn registered(filter: impl FnMut(&&Case) -> bool) -> Listed {
        let names =
            |case: &Case| case.hardships.iter().map(|hardship| hardship.name().replace('-', "_")).collect();
        cases().filter(filter).map(|case| (case.test_name(), names(case))).collect()
    }

    fn listed(names: &[(&str, &[&str])]) -> Listed {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        names.iter().map(|(case, hardships)| ((*case).to_owned(), owned(hardships))).collect()
    }

    #[test]
    fn the_macro_makes_a_test_of_every_case_and_hardship_and_of_nothing_else() {
        // Broken by a case that is added to the registry only: it would never run in a test.
        let everywhere = __conformance_everywhere! { names; };
        assert_eq!(listed(everywhere), registered(|case| case.only.is_empty()));
        let about = [
            ("channel", __conformance_about! { channel, names; }),
            ("quic", __conformance_about! { quic, names; }),
            ("sctp", __conformance_about! { sctp, names; }),
            ("tcp", __conformance_about! { tcp, names; }),
            ("a user's", __conformance_about! { mine, names; }),
        ];
        for (scheme, about) in about {
            assert_eq!(listed(about), registered(|case| case.only.contains(&scheme)), "{scheme}");
        }
        let known = |scheme: &&str| about.iter().any(|(known, _)| known == scheme);
        assert!(cases().flat_map(|case| case.only).all(known));
    }
}
