"""The table of who may do what has a row for everything, and gives nobody more than its role."""

from __future__ import annotations

import pytest

from coordinator.permissions import NO_TOKEN, RULES, Identity, Role, check, check_node, operation_of, owner_for
from rpc.errors import Forbidden, Unauthenticated
from rpc.messages import Join
from rpc.services import COORDINATOR

LADDER = (Role.VIEWER, Role.SUBMITTER, Role.OPERATOR, Role.ADMIN)


def test_every_method_of_the_service_has_a_row() -> None:
    assert {name.partition(" ")[0] for name in RULES} == set(COORDINATOR.methods)


@pytest.mark.parametrize("operation", RULES)
def test_who_may_more_may_all_that_others_may(operation: str) -> None:
    allowed = [role in RULES[operation].roles for role in LADDER]
    assert allowed == sorted(allowed)
    assert allowed[-1]


@pytest.mark.parametrize("operation", [name for name, rule in RULES.items() if rule.changes])
def test_a_viewer_changes_nothing(operation: str) -> None:
    assert Role.VIEWER not in RULES[operation].roles


def test_a_node_joins_and_the_web_tells_and_neither_does_anything_else() -> None:
    may = {role: {name for name, rule in RULES.items() if role in rule.roles} for role in (Role.NODE, Role.WEB)}
    assert may[Role.NODE] == {"hello", "join", "join slot", "authority"}
    assert may[Role.WEB] == {
        "hello",
        "authority",
        "find_work",
        "glance",
        "list_events",
        "list_webhooks",
        "note_delivery",
    }


@pytest.mark.parametrize("operation", RULES)
def test_whom_nobody_knows_may_nothing(operation: str) -> None:
    with pytest.raises(Unauthenticated, match="--token-file FILE"):
        check(None, operation)


def test_without_tokens_everybody_may_everything() -> None:
    for operation in RULES:
        check(NO_TOKEN, operation)


def test_a_refusal_says_who_may() -> None:
    with pytest.raises(Forbidden, match=r"add_webhook is not for the role viewer of this token, but for admin$"):
        check(Identity(Role.VIEWER), "add_webhook")


def test_removing_a_node_is_for_admins_and_other_orders_are_not() -> None:
    assert operation_of("order_node", ("n1", "remove", "")) == "order_node remove"
    assert operation_of("order_node", ("n1", "drain", "")) == "order_node"
    assert Role.OPERATOR in RULES["order_node"].roles and Role.OPERATOR not in RULES["order_node remove"].roles


def test_a_submitter_submits_for_its_owner_whoever_is_named() -> None:
    ann = Identity(Role.SUBMITTER, "ann")
    assert owner_for(ann, "") == owner_for(ann, "ann") == "ann"
    with pytest.raises(Forbidden, match="submits work of ann, not of bob"):
        owner_for(ann, "bob")


def test_an_operator_may_submit_for_others() -> None:
    assert owner_for(Identity(Role.OPERATOR, "ops"), "bob") == "bob"
    assert owner_for(Identity(Role.OPERATOR, "ops"), "") == "ops"
    assert owner_for(NO_TOKEN, "") == ""


def test_a_token_of_one_node_is_for_that_one() -> None:
    bound = Identity(Role.NODE, node="node-1")
    for operation, connection in (("join", "control"), ("join slot", "slot")):
        joining = (Join("node-1", "", connection, 1),)
        assert operation_of("join", joining) == operation
        check_node(bound, operation, joining)
    check_node(Identity(Role.NODE), "join", (Join("node-2", "", "control", 1),))
    with pytest.raises(Forbidden, match="for the node node-1, not for node-2"):
        check_node(bound, "join", (Join("node-2", "", "control", 1),))
