import pytest
from tests.frameworks.places import *
from tests.frameworks.shop.models import *
def out(report, path):
    print(); print(path); print(report)
    for f in found(report): print("  F", f)
    for s in report.shapes: print("  S", s.count, s.headline, shown(s.site))
    for s in report.cleared: print("  C", s.reason, s.headline, s.count, shown(s.site), shown(s.loop))
@pytest.mark.parametrize("path", ["orders","healthy/orders","towns","healthy/towns","names","orders/1"])
def test_x(ask, path):
    pk = Order.objects.order_by("pk")[0].pk
    out(ask(f"/ninja/"+path.replace("1", str(pk))), path)
@pytest.mark.parametrize("view", ["graphql/", "graphql/optimized/"])
@pytest.mark.parametrize("q", ["{orders{customer{city{name}}}}","{orders{town}}","{orders{healthyTown}}","{first{customer{name} referrer{name}}}"])
def test_g(ask, view, q):
    out(ask("/"+view, {"query": q}, method="post", content_type="application/json"), view+q)
