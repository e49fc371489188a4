"""Deployment descriptors as Python values."""


def service(name, virtualization, code, **fields):
    """fields: of the descriptor (memory, port, cmd, replicas, …)."""
    return {"microserviceID": "", "microservice_name": name,
            "microservice_namespace": fields.pop("ns", "test"),
            "virtualization": virtualization, "code": code, "cmd": fields.pop("cmd", []),
            **fields}


def application(name, *services, ns="prod"):
    return {"applicationID": "", "application_name": name, "application_namespace": ns,
            "application_desc": "", "microservices": list(services)}


def descriptor(*applications):
    return {"sla_version": "v2.0", "customerID": "Admin", "applications": list(applications)}


def one_app(*services, name="shop"):
    return descriptor(application(name, *services))
