//! People at the edge: Chromium on the sample site and on the operator's page, on real parts.
//!
//! Each test starts what `cargo dev` starts and has a script in Node walk through it. Screenshots
//! are left in `target/browser/`.

mod place;

use place::play;

#[test]
fn pages_load_and_the_second_load_is_a_hit() {
    play("visits", 1, 7);
}

#[test]
fn changes_show_on_every_isolate_within_the_bound() {
    play("changes", 2, 4);
}

#[test]
fn pages_keep_loading_while_parts_are_down() {
    play("outages", 1, 7);
}

#[test]
fn the_operator_sees_figures_and_purges() {
    play("operator", 1, 17);
}

#[test]
fn pages_look_right_and_exclude_nobody() {
    play("looks", 1, 8);
}
