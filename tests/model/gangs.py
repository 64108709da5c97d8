"""Gangs over hosts (protocol section 3): jobs whose GPUs lie on several nodes of one site, in equal parts. A contract's
`gang` has all of its hosts, the lead first; it is empty where the job runs on one node."""

from pricing import ceil_div

ONE_NODE, HOSTS_MOST = 0, 16
ACTIVE, WHOLE_DEVICE = 1, 1000
ZERO32 = bytes(32)


def hosts(row):
    """(node, allocation) of all nodes that the job runs on, the lead first."""
    return [(host["node"], host["allocation"]) for host in row["gang"]] or [(row["node"], row["allocation"])]


def find(row, node):
    return next((host for host in row["gang"] if host["node"] == node), None)


def most_hosts(spec):
    resources = spec["resources"]
    if spec["placement"] == ONE_NODE or resources["share_milli"]:
        return 1
    return max(1, min(spec["hosts_max"] or HOSTS_MOST, resources["gpus"]))


def check(row, spec, registry):
    """Which hosts, and with which of their devices, is the market's word; but not any will do."""
    there, resources = hosts(row), spec["resources"]
    count, nodes = len(there), [registry.nodes[key] for key, _ in there]
    assert all(node["status"] == ACTIVE for node in nodes), "a match on a node that is not Active"
    assert len(row["gang"]) != 1 and there[0] == (row["node"], row["allocation"]), "the lead is the contract's node"
    assert count <= most_hosts(spec) and resources["gpus"] % count == 0, f"{count} hosts for {resources['gpus']} GPUs"
    if count > 1:
        sites = {(node["provider"], node["hardware_class"], node["offer"]["region"], node["offer"]["site"]) for node in nodes}
        assert len({key for key, _ in there}) == count and len(sites) == 1 and nodes[0]["offer"]["site"], "hosts of one site"
    for host in row["gang"]:
        assert (host["ready"], host["heard"], host["done"], host["report"]) == (0, 0, 0, ZERO32), "a host before its time"
    share = resources["share_milli"]
    for _, part in there:
        devices = part["devices"]
        assert len(set(devices)) == len(devices) == resources["gpus"] // count, "equal parts"
        assert not devices or part["milli_per_device"] == (share or WHOLE_DEVICE), "whole GPUs, or the share asked for"
        assert part["cpu_milli"] == ceil_div(resources["cpu_milli"], count), "its part of the CPU"
        assert part["ram_bytes"] == ceil_div(resources["ram_bytes"], count), "its part of the memory"
        assert part["disk_bytes"] == resources["disk_bytes"], "each has all inputs"


def rating(nodes, kind):
    """They go at the pace of the slowest."""
    return min(node["ratings"][kind]["cu"] for node in nodes)


def all_ready(row):
    return all(host["ready"] for host in row["gang"])


def others_done(row):
    return all(host["done"] for host in row["gang"][1:])


def heard(row, now):
    """When the last of those that are not done was heard."""
    return min([now] + [host["heard"] for host in row["gang"] if not host["done"]])
