"""A store that was changed is the store of what it holds, whichever way it came to it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdp.entities import Store, store
from pdp.model import Node
from pdp.values import EntityRef

NAMES = [EntityRef("Group", str(each)) for each in range(6)]
CHANGES = st.lists(st.tuples(st.sampled_from(NAMES), st.none() | st.integers(0, 3)), max_size=40)


@pytest.fixture(params=[1, 4, 256])
def apart(request, monkeypatch):
    """So many changes stand beside the nodes."""
    monkeypatch.setattr(store, "_APART", request.param)


@pytest.mark.usefixtures("apart")
@given(begin=st.sets(st.sampled_from(NAMES)), changes=CHANGES, asked=st.booleans())
def test_a_changed_store_is_that_of_what_it_holds(begin, changes, asked):
    held = {ref: Node(ref, {"n": 9}) for ref in begin}
    found = Store.of(held.values())
    for ref, value in changes:
        if asked:
            assert found.revision  # from here on it is carried along, not summed up
        if value is not None:
            held[ref] = Node(ref, {"n": value})
            found = found.with_node(held[ref])
        elif held.pop(ref, None) is not None:
            found = found.without(ref)
        else:
            with pytest.raises(KeyError):
                found.without(ref)

    assert {node.ref: node for node in found} == held
    assert [found.node(ref) for ref in NAMES] == [held.get(ref) for ref in NAMES]
    assert len(found) == len(held)
    assert found.revision == Store.of(held.values()).revision


def test_a_change_leaves_the_store_before_it_as_it_was():
    before = Store.of([Node(NAMES[0], {"n": 1})])

    before.with_node(Node(NAMES[0], {"n": 2}))
    before.without(NAMES[0])

    assert [node.attributes["n"] for node in before] == [1]
