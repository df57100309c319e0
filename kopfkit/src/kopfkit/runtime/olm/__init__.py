"""Living under the Operator Lifecycle Manager, and installed without it.

operatorcondition   OLM's condition Upgradeable
ownership           OLM's certificate Secret, kept through upgrades; renewal: a new one, used at
                    once; keeping: both begin again whatever ends them
certificates        serving certificates made in the cluster, where neither OLM nor cert-manager
                    makes them
protection          a CRD whose conversion cannot be taken away while objects depend on it;
                    policies: the admission policy that refuses what would lose data
monitoring          ServiceMonitor and PrometheusRule where their API is served
"""
