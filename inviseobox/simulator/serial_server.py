"""A transparent serial server: bytes of a TCP connection go onto an RS-485 line, and what it says comes back."""

from asyncio import StreamReader, StreamWriter

from inviseobox.simulator.listener import Listener
from inviseobox.simulator.modbus_units import ModbusUnits
from inviseobox.simulator.rtu_line import DEFAULT_BAUDRATE, RtuLine


class SerialServer:
    """RTU over TCP. What the line says goes to every connection, also to one that came after the question."""

    def __init__(self, units: ModbusUnits, *, baudrate: int | None = DEFAULT_BAUDRATE) -> None:
        self.line = RtuLine(units, self._deliver, baudrate=baudrate, hang_up=self._hang_up)
        self.listener = Listener(self._serve)
        self._writers: list[StreamWriter] = []

    @property
    def units(self) -> ModbusUnits:
        """What is on the line."""
        return self.line.units

    async def stop(self) -> None:
        """Listen no more, cut every connection, lose what is under way on the line."""
        await self.listener.stop()
        await self.line.close()

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        self._writers.append(writer)
        try:
            while data := await reader.read(4096):
                self.line.heard(data)
        finally:
            self._writers.remove(writer)

    def _deliver(self, data: bytes) -> None:
        for writer in self._writers:
            writer.write(data)

    def _hang_up(self) -> None:
        for writer in self._writers:
            writer.close()
