#!/usr/bin/env python3
"""Says what is wrong with a rendered chart that no general tool knows: rendered.py DIR, with the files of check.sh in it."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

# C where it is there: the definitions are long.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
FILES = Path(__file__).resolve().parents[2] / "chart" / "files"
# What stands in the values of own-secret.yaml, and may be nowhere but in a Secret.
MATERIAL = ["postgres://orloj@db.example.com/orloj", "0" * 64]

wrong = []


def check(what, holds):
    if not holds:
        wrong.append(what)


def load(path):
    return [document for document in yaml.load_all(path.read_text(), LOADER) if document]


def of(documents, kind):
    return [document for document in documents if document["kind"] == kind]


def resources(role, group="orloj.dev"):
    return {name for rule in role["rules"] if group in rule["apiGroups"] for name in rule["resources"]}


def people(documents, role):
    label = f"rbac.authorization.k8s.io/aggregate-to-{role}"
    return [each for each in of(documents, "ClusterRole") if each["metadata"]["labels"].get(label) == "true"]


def definitions(name, documents):
    """What is installed is what was generated."""
    installed = {crd["metadata"]["name"]: crd for crd in of(documents, "CustomResourceDefinition")}
    generated = {crd["metadata"]["name"]: crd for path in FILES.glob("crds/*.yaml") for crd in load(path)}
    check(f"{name}: other definitions than in chart/files/crds", installed.keys() == generated.keys())
    for crd in installed.keys() & generated.keys():
        check(f"{name}: {crd} is not what was generated", installed[crd]["spec"] == generated[crd]["spec"])
        annotations = installed[crd]["metadata"].get("annotations", {})
        check(f"{name}: {crd} goes on uninstall", annotations.get("helm.sh/resource-policy") == "keep")


def rights(name, documents, namespaces):
    """All rules of `kinds rbac` are given, none twice, and in the namespaces that are asked for."""
    rbac = load(FILES / "rbac.yaml")
    kinds = [role for role in of(rbac, "Role") if role["metadata"]["namespace"] == "watched"][0]["rules"]
    leader = [role for role in of(rbac, "Role") if role["metadata"]["namespace"] == "release"][0]["rules"]
    for namespace in namespaces:
        roles = of(documents, "Role" if namespace else "ClusterRole")
        given = [rule for role in roles if role["metadata"].get("namespace") == namespace for rule in role["rules"]]
        for rule in kinds:
            check(f"{name}: not just once in {namespace}: {rule}", given.count(rule) == 1)
    release = [rule for role in of(documents, "Role") if role["metadata"]["namespace"] == "orloj-system" for rule in role["rules"]]
    for rule in leader:
        check(f"{name}: not just once in the release's namespace: {rule}", release.count(rule) == 1)
    bound = {(each["metadata"].get("namespace"), each["roleRef"]["name"]) for each in of(documents, "RoleBinding") + of(documents, "ClusterRoleBinding")}
    for role in of(documents, "Role") + of(documents, "ClusterRole"):
        if role["metadata"]["name"].rsplit(":")[-1] in ("view", "edit", "admin"):
            continue
        check(f"{name}: {role['metadata']['name']} is bound to nobody", (role["metadata"].get("namespace"), role["metadata"]["name"]) in bound)
    accounts = {subject["name"] for each in of(documents, "RoleBinding") + of(documents, "ClusterRoleBinding") for subject in each["subjects"]}
    check(f"{name}: bound to {accounts}", accounts == {account["metadata"]["name"] for account in of(documents, "ServiceAccount")})
    for role in people(documents, "view"):
        check(f"{name}: Secrets are in view", "tools" in resources(role) and "secrets" not in resources(role))
    check(f"{name}: Secrets are not in edit", any("secrets" in resources(role) for role in people(documents, "edit")))


def selectors(name, documents):
    """Everything that selects pods selects the Deployment's."""
    [deployment] = of(documents, "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"].items()
    chosen = [deployment["spec"]["selector"]["matchLabels"]]
    chosen += [service["spec"]["selector"] for service in of(documents, "Service")]
    chosen += [budget["spec"]["selector"]["matchLabels"] for budget in of(documents, "PodDisruptionBudget")]
    chosen += [policy["spec"]["podSelector"]["matchLabels"] for policy in of(documents, "NetworkPolicy")]
    chosen += [each["labelSelector"]["matchLabels"] for each in deployment["spec"]["template"]["spec"].get("topologySpreadConstraints", [])]
    check(f"{name}: too few selectors", len(chosen) >= 4)
    for selector in chosen:
        check(f"{name}: selects other pods: {selector}", selector.items() <= labels)
    for monitor in of(documents, "ServiceMonitor"):
        selector = monitor["spec"]["selector"]["matchLabels"].items()
        check(f"{name}: the ServiceMonitor finds no Service", any(selector <= service["metadata"]["labels"].items() for service in of(documents, "Service")))
    objects = [each for each in documents if "namespace" in each["metadata"]]
    check(f"{name}: too few objects in a namespace", len(objects) >= 6)


def pod(name, documents):
    [deployment] = of(documents, "Deployment")
    spec = deployment["spec"]["template"]["spec"]
    [container] = spec["containers"]
    files(name, spec)
    arguments = dict(argument.removeprefix("--").partition("=")[::2] for argument in container["args"])
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    check(f"{name}: metrics port", arguments["metrics-addr"] == f":{ports['metrics']}")
    check(f"{name}: health port", arguments["healthz-addr"] == f":{ports['health']}")
    probes = {probe: container[f"{probe}Probe"]["httpGet"] for probe in ("startup", "liveness", "readiness")}
    paths = {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}
    check(f"{name}: probes {probes}", probes == {probe: {"path": path, "port": "health"} for probe, path in paths.items()})
    grace = int(arguments["shutdown-timeout"].removesuffix("s"))
    check(f"{name}: ends too late", grace + 5 == spec["terminationGracePeriodSeconds"])
    accepted(name, container)

    hooks(name, documents, deployment)


def hooks(name, documents, deployment):
    """Jobs of hooks: what they run, as whom, and that nobody takes their pods for the operator's."""
    jobs = {job["metadata"]["labels"]["app.kubernetes.io/component"]: job for job in of(documents, "Job")}
    expected = {"test": "test", "uninstall": "pre-delete"}
    if of(documents, "ConfigMap"):
        expected["crds"] = "pre-install,pre-upgrade,pre-rollback"
    check(f"{name}: hooks {sorted(jobs)}", {key: hook(job) for key, job in jobs.items()} == expected)
    [policy] = of(documents, "NetworkPolicy")
    for component, job in jobs.items():
        pods = job["spec"]["template"]
        files(f"{name}: {component}", pods["spec"])
        labels = pods["metadata"]["labels"].items()
        check(f"{name}: the pod of {component} counts as the operator's", not deployment["spec"]["selector"]["matchLabels"].items() <= labels)
        check(f"{name}: the pod of {component} has no NetworkPolicy", policy["spec"]["podSelector"]["matchLabels"].items() <= labels)
        [container] = pods["spec"]["containers"]
        parses(f"{name}: {component}", container["args"])
        # What a hook needs is there when it runs: its own things before it, or for one before the installation, no others.
        token = any(volume["name"] == "token" for volume in pods["spec"]["volumes"])
        check(f"{name}: {component}: an account and no token, or the other way round", token == ("serviceAccountName" in pods["spec"]))
        for each in documents:
            if hook(each) == hook(job) and each is not job:
                early = int(each["metadata"]["annotations"]["helm.sh/hook-weight"])
                check(f"{name}: {each['kind']} {each['metadata']['name']} comes after its Job", early < int(job["metadata"]["annotations"]["helm.sh/hook-weight"]))
    arguments = dict(argument.removeprefix("--").partition("=")[::2] for argument in jobs["uninstall"]["spec"]["template"]["spec"]["containers"][0]["args"])
    check(f"{name}: another Deployment is stopped", arguments["deployment"] == deployment["metadata"]["name"])
    seconds = {key: int(arguments[key].removesuffix("s")) for key in ("timeout", "stop-timeout", "store-timeout")}
    check(f"{name}: the pods may take longer to end", seconds["stop-timeout"] > deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"])
    check(f"{name}: the uninstall is cut off", jobs["uninstall"]["spec"]["activeDeadlineSeconds"] > seconds["timeout"])
    own = dict(argument.removeprefix("--").partition("=")[::2] for argument in deployment["spec"]["template"]["spec"]["containers"][0]["args"])
    for key in ("leader-elect", "leader-election-namespace", "namespaces", "cluster-id", "kinds"):
        check(f"{name}: the uninstall has another {key}", arguments.get(key) == own.get(key))
    before = [each for each in documents if hook(each) and hook(each).startswith("pre-install")]
    names = {(each["kind"], each["metadata"]["name"]) for each in before}
    for job in (job for job in before if job["kind"] == "Job"):
        spec = job["spec"]["template"]["spec"]
        needed = {("ServiceAccount", spec["serviceAccountName"])} | {("ConfigMap", volume["configMap"]["name"]) for volume in spec["volumes"] if "configMap" in volume}
        check(f"{name}: not there yet: {needed - names}", needed <= names)


def hook(document):
    return document["metadata"].get("annotations", {}).get("helm.sh/hook")


def parses(name, arguments):
    """The program knows the command and its arguments."""
    program = os.environ.get("PROGRAM")
    if program:
        said = subprocess.run([program, *arguments, "--help"], env={}, capture_output=True, text=True, check=False)
        check(f"{name}: the program refuses its arguments: {said.stderr}", said.returncode == 0)


def accepted(name, container):
    """The program takes the arguments, and knows nothing of its own that would be in their way."""
    program = os.environ.get("PROGRAM")
    if not program:
        return
    arguments = [argument for argument in container["args"] if not argument.startswith("--kinds=")]
    said = subprocess.run([program, "config", "show", *arguments], env={}, capture_output=True, text=True, check=False)
    check(f"{name}: the program refuses its arguments: {said.stderr}", said.returncode == 0)
    known = subprocess.run([program, "config", "show", "--output=json"], env={}, capture_output=True, text=True, check=False).stdout
    for variable in container["env"]:
        if variable["name"].startswith("ORLOJ_"):
            setting = variable["name"].removeprefix("ORLOJ_").lower().replace("_", "-")
            check(f"{name}: the program has no {setting}", setting in known)


def added(name, documents):
    """The program takes the kind files out of the ConfigMap."""
    program = os.environ.get("PROGRAM")
    files, copy = of(documents, "ConfigMap")
    check(f"{name}: the hook has other kinds", files["data"] == copy["data"])
    with tempfile.TemporaryDirectory() as folder:
        for file, text in files["data"].items():
            Path(folder, file).write_text(text)
        if program:
            said = subprocess.run([program, "kinds", "list", "--kinds", folder], env={}, capture_output=True, text=True, check=False)
            check(f"{name}: the program refuses its kinds: {said.stderr}", said.returncode == 0 and "Widget" in said.stdout)


def files(name, spec):
    """Every volume is mounted, and settings are files that are there."""
    [container] = spec["containers"]
    volumes = {volume["name"] for volume in spec["volumes"]}
    mounts = {mount["name"] for mount in container["volumeMounts"]}
    check(f"{name}: volumes {volumes ^ mounts} are not mounted, or not there", volumes == mounts)
    for variable in container.get("env", []):
        if not variable["name"].startswith("ORLOJ_"):
            continue
        check(f"{name}: {variable['name']} is no file", variable["name"].endswith("_FILE"))
        folder, _, file = variable["value"].rpartition("/")
        mount = next((mount["name"] for mount in container["volumeMounts"] if mount["mountPath"] == folder), None)
        items = [item["path"] for volume in spec["volumes"] if volume["name"] == mount for item in volume["secret"]["items"]]
        check(f"{name}: {variable['value']} is not mounted", file in items)


def main(folder):
    renderings = {path.stem: load(path) for path in sorted(folder.glob("*.yaml"))}
    check("default: something is made", renderings["default"] == [])
    for name in ("enabled", "own-secret", "all", "all-without-policy"):
        documents = renderings[name]
        definitions(name, documents)
        rights(name, documents, ["support", "sales"] if name.startswith("all") else [None])
        selectors(name, documents)
        pod(name, documents)

    everything = renderings["all"]
    added("all", everything)
    rest = [role for role in of(everything, "ClusterRole") if role["metadata"]["name"].rsplit(":")[-1] not in ("view", "edit", "admin")]
    lasting = [each for each in rest + of(everything, "ClusterRoleBinding") if not hook(each)]
    check(f"all: rights in the whole cluster: {lasting}", not lasting)
    for role in rest:
        names = {name for rule in role["rules"] for name in rule.get("resourceNames", [""])}
        check(f"all: a hook's rights are not by name: {role}", "" not in names)
    extra = resources(people(everything, "view")[0], "widgets.example.com")
    check("all: nobody may see a kind of operator.kinds", extra == {"widgets"})
    given = {name for role in of(everything, "Role") for name in resources(role, "widgets.example.com")}
    check("all: the operator may not see a kind of operator.kinds", given == {"widgets", "widgets/status"})
    read = [(role["metadata"].get("namespace"), rule["verbs"]) for role in of(everything, "Role") + of(everything, "ClusterRole")
            for rule in role["rules"] if "" in rule["apiGroups"] and "secrets" in rule["resources"]]
    check(f"all: other rights on Kubernetes' Secrets than asked for: {read}", read == [("support", ["get", "list", "watch", "patch"])])
    [policy] = of(everything, "MutatingAdmissionPolicy")
    matched = {name for rule in policy["spec"]["matchConstraints"]["resourceRules"] for name in rule["resources"]}
    kinds = {crd["spec"]["names"]["plural"] for path in FILES.glob("crds/*.yaml") for crd in load(path)}
    check("all: the finalizer's policy matches other kinds", matched == kinds | {"widgets"})
    without = [document["kind"] for document in renderings["all-without-policy"]]
    check("all-without-policy: a policy where the API has none", not [kind for kind in without if "Admission" in kind])

    for document in renderings["own-secret"]:
        text = yaml.safe_dump(document)
        check(f"own-secret: secret material in {document['kind']}", not any(material in text for material in MATERIAL))
    check("own-secret: no Secret", len(of(renderings["own-secret"], "Secret")) == 1)
    check("a Secret where another is named", not of(renderings["enabled"] + everything, "Secret"))

    for line in wrong:
        print(line)
    sys.exit(bool(wrong))


main(Path(sys.argv[1]))
