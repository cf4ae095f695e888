"""The audit's client hears everything that a server answers, and tells errors apart."""

from openenv_tasksets.answer import Answer
from openenv_tasksets.audit.served import served
from openenv_tasksets.audit.wire import Wire
from openenv_tasksets.server.host import Host


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
        "reset",
        "step, error",
        "a malformed frame, error",
        "step",
    ]
    assert "content-type" in wire.heard[0].text
