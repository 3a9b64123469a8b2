//! What every engine of the store must do, told through the `Store` trait alone. An engine joins
//! with a test file of its own that says how it is opened: `suite_for!(engine)`.
//!
//! Left to others: what is an engine's own affair (its files, its threads, a full disk).

pub mod access;
pub mod candidates;
pub mod conversations;
pub mod fetches;
pub mod goals;
pub mod ground;
pub mod intake;
pub mod isolation;
pub mod lists;
pub mod script;
pub mod search;
pub mod setup;
pub mod tokens;
pub mod touched;
pub mod units;
pub mod upkeep;
pub mod values;
pub mod visits;

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
                a_claim_ends_when_its_bodies_are_many_bytes,
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
            conversations: [
                an_unknown_conversation_has_nothing,
                a_communication_comes_back_as_it_was_written,
                a_number_is_of_its_kind_and_integration,
                answers_come_in_the_order_of_the_questions,
                a_conversation_has_all_its_events_and_no_other,
                a_near_conversation_is_found_on_both_sides_of_its_time,
                a_near_conversation_is_found_by_any_of_its_texts,
                the_oldest_of_several_near_ones_is_taken_and_the_others_are_told,
                a_conversation_that_becomes_anothers_leaves_it_its_events_and_texts,
                an_event_between_two_is_refused_until_both_were_seen,
                a_known_event_that_is_read_anew_is_taken_whatever_is_near,
                a_conversation_is_near_any_of_its_times,
                a_known_event_stays_where_it_is_whatever_is_near,
                near_texts_are_of_their_kind_and_integration,
                a_clients_card_is_found_by_the_client,
                a_chat_learns_of_its_clients_card_changes,
                a_card_learns_of_its_clients_shown_communications,
                a_communication_lasts_until_its_last_message,
                by_id_those_that_do_not_exist_are_left_out,
                raw_events_are_told_by_and_communications_know_theirs,
                history_is_kept_newest_first,
            ],
            units: [
                each_commit_counts_the_version_up,
                a_wrong_version_is_a_conflict,
                of_two_at_once_one_is_refused,
                a_new_twin_of_a_number_is_a_conflict,
                a_refused_unit_leaves_nothing_behind,
                a_refused_unit_takes_no_other_along,
                ids_of_a_refused_unit_and_of_a_later_one_differ_from_all_before,
                an_event_told_again_is_one_as_it_was_told_last,
                an_event_that_turns_out_to_be_anothers_moves_there,
                equal_event_keys_of_two_integrations_are_two_events,
                a_forgotten_event_is_gone_and_others_stay,
                a_visit_with_its_key_that_was_not_seen_refuses_a_decision,
                a_watched_key_refuses_a_decision_as_a_key_of_evidence_does,
                a_foreign_token_meets_every_alias_that_was_not_seen,
                news_that_share_no_key_refuse_nothing,
                news_of_a_contact_that_were_not_seen_refuse_a_decision,
                its_own_news_do_not_refuse_a_communication,
                two_with_one_contact_go_in_one_unit,
            ],
            candidates: [
                a_visit_is_found_by_each_of_its_keys,
                answers_about_visits_come_in_the_order_of_the_questions,
                a_key_on_several_visits_finds_them_all,
                beside_the_named_visit_stands_the_latest_one_before_the_moment,
                a_foreign_token_finds_visits_by_every_alias,
                a_contact_leads_through_surely_linked_communications,
                a_communication_does_not_lead_to_its_own_visit,
                a_contact_that_was_taken_back_leads_nowhere,
            ],
            touched: [
                a_visits_key_touches_those_that_share_it_and_no_other,
                a_chat_before_its_visit_is_touched_by_the_visits_own_keys,
                a_key_that_comes_to_a_known_visit_later_touches_too,
                a_key_seen_earlier_than_before_touches_again,
                a_visit_that_turns_out_to_begin_earlier_touches_its_visitors_chats,
                a_foreign_token_is_touched_by_every_alias,
                a_watched_key_touches_as_a_key_of_evidence_does,
                news_of_a_contact_touch_the_others_and_not_itself,
                a_contact_without_news_touches_nobody,
                two_of_one_unit_with_one_contact_touch_each_other,
                a_card_change_touches_its_clients_chats,
                news_of_a_chat_touch_its_clients_card_and_not_his_chats,
                hidden_ones_are_touched_too,
                what_was_not_confirmed_is_told_again,
                readers_go_on_by_themselves,
                what_comes_between_reading_and_confirming_is_not_skipped,
                an_older_confirmation_does_not_lead_back,
                short_steps_reach_every_one_and_the_end,
                a_log_that_concerns_nobody_ends_without_confirmation,
                changed_rules_touch_every_communication_of_the_workspace,
                rules_changed_while_a_reader_is_at_work_touch_again,
                silent_chats_are_told_when_their_time_has_come_longest_silent_first,
                a_contact_that_was_taken_back_touches_those_it_may_have_led,
                a_contact_taken_back_while_a_reader_is_at_work_touches_again,
            ],
            lists: [
                each_filter_of_communications_narrows_the_list,
                the_end_of_a_span_is_not_in_it,
                hidden_ones_are_in_no_list_and_still_there,
                lists_are_sorted_by_start_or_by_change,
                pages_neither_skip_nor_repeat_while_rows_are_added,
                a_full_last_page_has_no_next_one,
                a_page_row_is_the_whole_communication,
            ],
            search: [
                every_word_must_occur_in_any_order_and_case,
                the_beginning_of_a_word_finds_it,
                a_phone_is_found_however_it_is_typed,
                an_email_is_found_whole_and_by_its_parts,
                a_text_to_search_is_never_syntax,
                a_changed_text_is_found_by_its_new_words_only,
                a_text_that_comes_later_is_found,
                words_of_another_workspace_find_nothing,
            ],
            script: [
                a_code_is_one_visits_until_it_expires,
                what_pages_tell_of_the_script_is_kept_once_a_word_and_bounded,
            ],
            visits: [
                a_page_view_makes_a_visit_with_all_it_tells,
                a_repeated_message_is_known_and_changes_nothing,
                a_visit_lasts_from_its_earliest_to_its_latest_message,
                the_earliest_page_gives_the_marks,
                of_two_pages_of_one_moment_the_smaller_message_gives_the_marks,
                a_bind_before_the_page_opens_a_visit_without_marks,
                pages_and_a_bind_give_the_same_visit_in_any_order,
                binds_alone_give_the_same_visit_in_any_order,
                the_visitor_of_the_earliest_message_is_the_visits_in_any_order,
                a_key_keeps_the_time_at_which_it_was_seen_first,
                a_message_that_mixes_a_visit_is_left_out,
                a_message_for_a_visit_that_is_no_more_is_refused,
                a_division_gives_the_same_visits_in_any_order,
                a_division_that_was_overtaken_is_refused,
                a_division_of_a_known_message_changes_nothing,
                a_visit_keeps_its_row_when_its_key_goes_to_another,
                a_visit_left_without_messages_is_no_more,
                a_division_touches_those_who_share_a_key,
                message_ids_are_of_their_site,
                visit_keys_are_of_their_workspace,
                visits_of_a_visitor_are_those_open_in_the_span,
                earlier_visits_are_the_visitors_own_newest_first,
                each_filter_of_visits_narrows_the_list,
                pages_of_visits_stay_in_step_while_more_come,
                of_visits_asked_by_id_those_that_exist_are_told,
                a_visit_that_does_not_exist_is_not_found,
            ],
            goals: [
                a_goal_is_kept_once_with_its_message_and_is_no_page,
                goals_of_a_visit_come_oldest_first_whatever_came_first,
                a_goal_goes_where_its_message_goes,
                each_filter_of_goals_narrows_the_list,
                pages_of_goals_stay_in_step_while_more_come,
                pages_of_raw_data_lose_and_repeat_nothing,
                raw_data_has_what_is_asked_for,
                a_cursor_of_another_list_is_refused_by_raw_data,
            ],
            setup: [
                a_new_workspace_has_its_name_zone_and_nothing_else,
                a_saved_workspace_keeps_its_rules,
                everything_configured_comes_back_as_it_was,
                an_integration_keeps_every_setting,
                saved_things_are_as_they_were_saved,
                without_a_priority_a_source_gets_the_greatest_and_one,
                a_new_campaign_stands_after_those_of_its_workspace,
                every_change_counts_the_version_up_and_only_of_its_workspace,
                a_refused_change_leaves_the_version,
                removed_things_leave_the_lists_and_keep_their_names,
                ids_are_not_used_again_after_a_removal,
                a_site_is_found_by_its_key_until_it_is_removed,
                a_site_key_belongs_to_one_site,
                what_does_not_exist_has_no_configuration,
            ],
            tokens: [
                a_token_leads_to_its_integration,
                after_a_rotation_both_tokens_work_until_the_old_one_ends,
                a_second_rotation_does_not_lengthen_the_first_tokens_life,
                a_second_rotation_may_shorten_the_first_tokens_life,
                live_tokens_come_newest_first,
                a_rotation_counts_the_version_up,
                a_token_belongs_to_one_integration,
                a_removed_integration_lets_nobody_in,
            ],
            access: [
                the_first_run_is_over_with_the_first_user,
                users_are_found_by_email_and_listed_by_workspace,
                an_email_is_one_users_in_all_workspaces,
                a_login_lasts_until_it_expires_or_ends,
                a_new_password_ends_every_login_of_the_user,
                a_removed_user_is_out_and_his_id_is_not_used_again,
                a_try_that_was_right_counts_no_more,
                attempts_are_counted_within_the_span_for_each_one_alone,
                a_shorter_span_of_one_takes_nothing_from_another,
                an_api_key_is_found_by_its_hash_until_it_is_revoked,
                a_hash_of_a_revoked_key_cannot_come_back,
                the_audit_log_is_read_newest_first_and_in_pages,
            ],
            isolation: [
                raw_events_of_another_workspace_are_not_there,
                conversations_of_another_workspace_are_not_there,
                a_client_of_another_workspace_is_a_stranger,
                communications_of_another_workspace_are_not_there,
                a_communication_of_another_workspace_cannot_be_written,
                visits_of_another_workspace_are_not_there,
                goals_of_another_workspace_are_not_there,
                no_key_leads_into_another_workspace,
                equal_keys_of_two_workspaces_touch_nobody,
                nothing_configured_in_another_workspace_can_be_changed,
                nothing_can_stand_on_a_site_of_another_workspace,
                tokens_of_another_workspace_are_neither_told_nor_changed,
                users_keys_and_audit_of_another_workspace_are_not_there,
                an_outcome_for_another_workspaces_raw_event_changes_nothing,
            ],
            upkeep: [
                a_backup_opens_and_holds_the_same,
                a_backup_goes_on_living_where_it_was_taken,
                a_backup_never_replaces_a_file,
                a_backup_is_taken_while_the_hub_works,
                a_report_describes_a_whole_store,
                a_start_changes_nothing_in_a_store_at_rest,
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
