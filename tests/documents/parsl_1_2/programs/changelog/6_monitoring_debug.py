from parsl.addresses import address_by_hostname
from parsl.monitoring.monitoring import MonitoringHub

hub = MonitoringHub(
    hub_address=address_by_hostname(),
    hub_port=55055,
    monitoring_debug=False,
    resource_monitoring_interval=10,
)

assert (hub.hub_port, hub.monitoring_debug) == (55055, False)
