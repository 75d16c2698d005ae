# mypy: disable-error-code="import-untyped,untyped-decorator"
"""Views, and where they are."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any

from asgiref.local import Local
from asgiref.sync import async_to_sync, sync_to_async
from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path
from django.utils.decorators import sync_and_async_middleware
from django.views.decorators.csrf import csrf_exempt

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

local = Local()


@sync_and_async_middleware
def marked(get_response: Any) -> Any:
    """Adds a field to each answer, under both kinds of server."""
    if asyncio.iscoroutinefunction(get_response):

        async def middleware(request: HttpRequest) -> Any:
            response = await get_response(request)
            response["X-Marked"] = "async"
            return response

    else:

        def middleware(request: HttpRequest) -> Any:  # type: ignore[misc]
            response = get_response(request)
            response["X-Marked"] = "sync"
            return response

    return middleware


def index(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"sync {request.method} {request.path} {request.GET.get('q')}")


async def async_view(request: HttpRequest) -> HttpResponse:
    await asyncio.sleep(0)
    inner = await sync_to_async(lambda: "thread")()
    return HttpResponse(f"async {inner}")


def crossing(request: HttpRequest) -> HttpResponse:
    async def inner() -> str:
        await asyncio.sleep(0)
        return "crossed"

    return HttpResponse(async_to_sync(inner)())


@csrf_exempt
def upload(request: HttpRequest) -> HttpResponse:
    file: Any = request.FILES["file"]
    total = hashlib.sha256()
    for chunk in file.chunks():
        total.update(chunk)
    return JsonResponse(
        {
            "name": file.name,
            "size": file.size,
            "sum": total.hexdigest(),
            "note": request.POST["note"],
        }
    )


def stream(request: HttpRequest) -> StreamingHttpResponse:
    def lines() -> Iterator[str]:
        for i in range(100):
            yield f"line {i}\n"

    return StreamingHttpResponse(lines(), content_type="text/plain")


def async_stream(request: HttpRequest) -> StreamingHttpResponse:
    async def lines() -> AsyncIterator[str]:
        for i in range(100):
            await asyncio.sleep(0)
            yield f"line {i}\n"

    return StreamingHttpResponse(lines(), content_type="text/plain")


def file(request: HttpRequest) -> FileResponse:
    return FileResponse(open(__file__, "rb"))


def fails(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("a fault of the view")


urlpatterns = [
    path("", index),
    path("async", async_view),
    path("crossing", crossing),
    path("upload", upload),
    path("stream", stream),
    path("async-stream", async_stream),
    path("file", file),
    path("fails", fails),
]
