"""What happens to a served model afterwards: a second version, an alias, a way back, the end."""

from harness import configs
from harness.form import Skyulf


def test_versions_come_and_go_under_one_name(skyulf: Skyulf) -> None:
    with skyulf.project() as api:
        dataset = api.ready_dataset(configs.tiny_data())
        pipeline = api.ok("POST", "/pipelines", json={"name": "Answers", "config": configs.tiny()})
        row = {"x": 3, "y": 4}

        first = api.run(pipeline["id"], dataset["id"])
        assert (first["model"], first["version"]) == ("answers", 1)
        ready = api.deploy("live", "answers", 1)
        assert ready["status"] == "ready"
        assert api.predict("live", [row])["model_version"] == 1

        second = api.run(pipeline["id"], dataset["id"])
        assert second["version"] == 2
        api.ok("PUT", "/models/answers/versions/2/aliases/champion")
        body = {"model": "answers", "alias": "champion"}
        etag = api.call("GET", "/deployments/live").headers["ETag"]
        changed = api.ok("PATCH", "/deployments/live", json=body, headers={"If-Match": etag})
        assert api.call("PATCH", "/deployments/live", json=body, headers={"If-Match": etag}).status_code == 412
        api.deployment("live", revision=changed["revision"])
        assert api.predict("live", [row])["model_version"] == 2

        back = api.ok("POST", "/deployments/live/rollback")
        assert api.deployment("live", revision=back["revision"])["serving"]["version"] == 1
        assert api.predict("live", [row])["model_version"] == 1
        reasons = [line["reason"] for line in api.ok("GET", "/deployments/live/history")["items"]]
        assert reasons == ["rollback", "deploy", "deploy"]

        api.ok("DELETE", "/deployments/live")
        api.eventually(
            lambda: api.call("POST", "/deployments/live/predict", json={"row": row}).status_code == 404,
            what="the deployment is gone",
        )


def test_one_project_knows_nothing_of_another(skyulf: Skyulf) -> None:
    with skyulf.project() as mine, skyulf.project() as other:
        dataset = mine.ready_dataset(configs.tiny_data())
        version = mine.train(configs.tiny(), dataset["id"], register_as="secret")
        mine.deploy("secret", "secret", version["version"])

        assert [other.ok("GET", f"/{what}")["items"] for what in ("datasets", "jobs", "models", "deployments")] == [
            []
        ] * 4
        for path in (f"/datasets/{dataset['id']}", "/models/secret", "/deployments/secret"):
            assert other.call("GET", path).status_code == 404
        assert other.call("POST", "/deployments/secret/predict", json={"row": {"x": 1, "y": 1}}).status_code == 404
        assert other.call("POST", "/deployments", json={"name": "mine", "model": "secret"}).status_code == 404
