"""A bot made of pipecat's own parts: its websocket server, its serializer for Twilio's messages, a small pipeline.

It greets with a tone, says back what it hears, and does what keys ask for: 1 plays a long tone, 2 interrupts it, 9 ends.
"""

import asyncio
import math
import struct
import sys

from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.frames.frames import EndTaskFrame, Frame, InputAudioRawFrame, InputDTMFFrame, OutputAudioRawFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.runner import PipelineRunner
from pipecat.pipeline.task import PipelineParams, PipelineTask
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.serializers.twilio import TwilioFrameSerializer
from pipecat.transports.websocket.server import (
    SingleClientWebsocketServerParams,
    SingleClientWebsocketServerTransport,
)

RATE = 8000


def tone(hertz, seconds):
    samples = (int(8000 * math.sin(2 * math.pi * hertz * n / RATE)) for n in range(int(RATE * seconds)))
    pcm = b"".join(struct.pack("<h", sample) for sample in samples)
    return OutputAudioRawFrame(audio=pcm, sample_rate=RATE, num_channels=1)


class Talk(FrameProcessor):
    async def process_frame(self, frame: Frame, direction: FrameDirection):
        await super().process_frame(frame, direction)
        if isinstance(frame, InputAudioRawFrame):
            await self.push_frame(
                OutputAudioRawFrame(audio=frame.audio, sample_rate=frame.sample_rate, num_channels=1)
            )
        elif isinstance(frame, InputDTMFFrame):
            print("key", frame.button.value, flush=True)
            if frame.button == KeypadEntry.ONE:
                await self.push_frame(tone(700, 6))
            elif frame.button == KeypadEntry.TWO:
                await self.broadcast_interruption()
            elif frame.button == KeypadEntry.NINE:
                await self.push_frame(EndTaskFrame(), FrameDirection.UPSTREAM)
        else:
            await self.push_frame(frame, direction)


async def main():
    serializer = TwilioFrameSerializer(
        stream_sid="MZ" + 32 * "0", params=TwilioFrameSerializer.InputParams(auto_hang_up=False)
    )
    transport = SingleClientWebsocketServerTransport(
        host="127.0.0.1",
        port=int(sys.argv[1]),
        params=SingleClientWebsocketServerParams(
            audio_in_enabled=True, audio_out_enabled=True, serializer=serializer
        ),
    )
    pipeline = Pipeline([transport.input(), Talk(), transport.output()])
    task = PipelineTask(
        pipeline, params=PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE)
    )

    @transport.event_handler("on_client_connected")
    async def connected(_transport, _client):
        await task.queue_frames([tone(440, 0.6)])

    @transport.event_handler("on_websocket_ready")
    async def ready(_transport):
        print("bot is ready", flush=True)

    await PipelineRunner().run(task)


asyncio.run(main())
