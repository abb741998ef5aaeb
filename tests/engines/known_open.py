"""What does not hold yet, by test: each line is open work of the roadmap. A test that begins to pass is taken off this list."""

KNOWN_OPEN = {
    "test_gap.py::test_nothing_is_lost_while_the_store_is_unwritable_and_it_catches_up_by_itself": "lag does not show in status in time",
    "test_gap.py::test_a_full_repository_stops_nothing_and_is_said": "passes on an idle machine only",
    "test_timelines.py::test_a_segment_pushed_with_other_bytes_makes_a_lineage_and_an_alert": "passes on an idle machine only",
}


def reason_of(node_id):
    """Why this test is open, or None. A key without parameters covers all of them."""
    name = node_id.split("/")[-1]
    return KNOWN_OPEN.get(name) or KNOWN_OPEN.get(name.split("[")[0])
