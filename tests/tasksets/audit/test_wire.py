"""The audit's client hears everything that a server answers, and tells errors apart."""

import threading

from asking import eventually

from openenv_tasksets.answer import Answer
from openenv_tasksets.audit.served import served
from openenv_tasksets.audit.wire import Wire
from openenv_tasksets.server.host import Host, HostSettings


def test_every_answer_is_kept_with_its_channel(make_taskset):
    taskset = make_taskset([{"prompt": "1+1?", "answer": "2"}], {"reset": {"prompt": "prompt", "answer": "answer"}})
    with served(Host(taskset, Answer)) as url:
        wire = Wire(url)
        assert wire.get("/health").json == {"status": "healthy"}
        assert wire.post("/quiz/task", {"split": "train", "index": 7}).json["detail"]
        with wire.connect() as session, wire.connect() as other:
            assert session.ask("reset", {"index": 0}).json["data"]["observation"]["prompt"] == "1+1?"
            assert other.ask("step", {"answer": "2"}).json["data"]["code"] == "RESET_NEEDED"
            assert session.send("[]", "a malformed frame").json["type"] == "error"
            assert session.ask("step", {"answer": "2"}).json["data"]["reward"] == 1.0
    assert [each.channel for each in wire.heard] == [
        "GET /health",
        "POST /quiz/task, error",
        "state",
        "state",
        "reset",
        "step, error",
        "a malformed frame, error",
        "step",
    ]
    assert "content-type" in wire.heard[0].text


def test_a_session_waits_for_the_slot_of_the_one_before(make_taskset):
    taskset = make_taskset([{"prompt": "1+1?", "answer": "2"}], {"reset": {"prompt": "prompt", "answer": "answer"}})
    with served(Host(taskset, Answer, settings=HostSettings(max_sessions=1))) as url:
        wire = Wire(url)
        opened = threading.Event()

        def hold():
            with wire.connect():
                opened.set()
                assert eventually(lambda: "state, error" in [each.channel for each in wire.heard])

        holder = threading.Thread(target=hold)
        holder.start()
        assert opened.wait(60)
        for _ in range(5):
            with wire.connect() as session:
                assert session.ask("reset", {"index": 0}).json["data"]["observation"]["prompt"] == "1+1?"
        holder.join()
    assert "state, error" in [each.channel for each in wire.heard]
