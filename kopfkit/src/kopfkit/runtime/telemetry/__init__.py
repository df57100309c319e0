"""What an operator tells about itself.

logs, health    one line per decision; /healthz and /readyz; listening: the sockets of servers
metrics         Prometheus metrics of queues, requests, watches; metricobjects: of the objects;
                conversionmetrics: of a webhook; exposition: the /metrics server
tracing, otlp   spans of reconciles, and their way to a collector
"""
