//! What every engine of the store must do, told through the `Store` trait alone. An engine joins
//! with a test file of its own that says how it is opened: `suite_for!(engine)`.
//!
//! Left to others: what is an engine's own affair (its files, its threads, a full disk).

pub mod fetches;
pub mod ground;
pub mod intake;
pub mod values;

/// Runs every case of the suite, each on a store of its own. `$engine` is a function without
/// arguments beside the call, which returns a `ground::Engine`. A case that is missing here is dead
/// code, so the compiler names it.
macro_rules! suite_for {
    ($engine:ident) => {
        $crate::store::suite::cases! { $engine;
            intake: [
                what_is_kept_is_there_byte_for_byte,
                what_is_only_recorded_is_never_claimed,
                claims_come_oldest_first_and_no_more_than_asked,
                a_claimed_raw_event_is_nobody_elses_before_its_lease_ends,
                two_claims_at_once_share_no_raw_event,
                a_start_ends_the_leases_of_a_process_that_is_gone,
                a_processed_raw_event_says_what_became_of_it,
                a_replayed_raw_event_is_claimed_as_seen_before,
                a_replay_takes_the_named_raw_events_only,
                probes_and_what_was_too_large_are_not_replayed,
                a_replay_by_filter_takes_what_the_filter_shows,
                a_list_row_has_the_size_and_not_the_body,
                each_filter_narrows_the_list,
                pages_go_on_where_the_last_one_ended_while_more_arrives,
                a_cursor_of_somewhere_else_is_refused,
                counts_say_how_many_stand_where,
            ],
            fetches: [
                a_need_that_waits_is_asked_once,
                a_claimed_question_is_nobody_elses_before_its_lease_ends,
                a_postponed_question_comes_back_at_its_time_and_counts_its_tries,
                an_answer_becomes_a_raw_event_and_ends_the_question,
                an_answer_told_twice_is_kept_once,
                a_question_given_up_sets_its_raw_event_aside,
                a_need_that_comes_while_it_is_asked_is_asked_again,
                a_start_frees_questions_under_way_and_leaves_postponed_ones,
                calls_of_one_budget_keep_their_distance,
                budgets_do_not_wait_for_each_other,
                a_reserved_call_is_remembered_after_reopening,
            ],
        }
    };
}
pub(in crate::store) use suite_for;

macro_rules! cases {
    ($engine:ident; $($file:ident: [$($case:ident),+ $(,)?],)+) => {$(
        mod $file {
            $(
                #[tokio::test]
                async fn $case() {
                    let ground = $crate::store::suite::ground::Ground::on(super::$engine()).await;
                    $crate::store::suite::$file::$case(ground).await;
                }
            )+
        }
    )+};
}
pub(in crate::store) use cases;
